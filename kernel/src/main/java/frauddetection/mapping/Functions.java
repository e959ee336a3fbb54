package frauddetection.mapping;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import frauddetection.catalyst.Calls;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Coalesce;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.Literal;
import org.apache.spark.sql.catalyst.util.ArrayBasedMapData;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.catalyst.util.MapData;
import org.apache.spark.sql.classic.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.unsafe.types.UTF8String;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/**
 * The ready-made functions of mappings, each from texts to a text: null of what cannot be read, and of null. What each is for stands in
 * spark_jobs/transforms/mapping_functions.py, which also brings the tables of codes.
 */
public final class Functions implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final String UTC = "UTC";
  private static final int MOST_DIGITS = 18;

  /** Of a decimal: no amount has more, and the text of a very long one takes seconds to make. */
  private static final int MOST_BYTES = 64;

  private final Map<String, Map<String, String>> tables;
  private final String cardKeyFile;

  private Functions(Map<String, Map<String, String>> tables, String cardKeyFile) {
    this.tables = tables;
    this.cardKeyFile = cardKeyFile;
  }

  /**
   * Makes the functions known to a session, under the names of the methods below.
   *
   * @param arities how many arguments each may have, the fewest and the most, as JSON
   * @param tables of codes, by name, as JSON
   * @param cardKeyFile path of the key of token_of, or null
   */
  public static void register(SparkSession session, String arities, String tables, String cardKeyFile) {
    ObjectMapper json = new ObjectMapper();
    try {
      Map<String, Map<String, String>> codes = json.readValue(tables, new TypeReference<>() {});
      Functions functions = new Functions(new HashMap<>(codes), cardKeyFile);
      json.readValue(arities, new TypeReference<Map<String, int[]>>() {})
          .forEach(
              (name, arity) ->
                  session
                      .sessionState()
                      .functionRegistry()
                      .createOrReplaceTempFunction(name, given -> functions.call(name, arity, given), "java_udf"));
    } catch (JsonProcessingException error) {
      throw new IllegalArgumentException("not the functions of mappings", error);
    }
  }

  /** Returns null where the file's key can be used by token_of, else in words why it cannot. */
  public static String refusal(String cardKeyFile) {
    try {
      CardNumbers.readKey(cardKeyFile);
      return null;
    } catch (UncheckedIOException unreadable) {
      return "cannot be read";
    } catch (IllegalArgumentException tooShort) {
      return tooShort.getMessage();
    }
  }

  /** Returns Kafka's headers, an array of structs, as a map of texts: of two with one name the later. */
  public static Column headersColumn(Column headers) {
    DataType type = DataTypes.createMapType(DataTypes.StringType, DataTypes.StringType);
    return Calls.column(new Functions(Map.of(), null), "headers", type, List.of(headers));
  }

  private Expression call(String name, int[] arity, Seq<Expression> given) {
    if (given.size() < arity[0] || given.size() > arity[1]) {
      String allowed = arity[0] == arity[1] ? "" + arity[0] : arity[0] + " to " + arity[1];
      throw new IllegalArgumentException(name + " takes " + allowed + " arguments, not " + given.size());
    }
    if (name.equals("token_of") && cardKeyFile == null) {
      throw new IllegalArgumentException("token_of needs a key: set `input.card_key_file`");
    }
    List<Expression> arguments = new ArrayList<>();
    for (Expression argument : CollectionConverters.asJava(given)) {
      arguments.add(asText(argument));
    }
    if (name.equals("type_of")) {
      arguments.replaceAll(Functions::orEmpty); // either alone may tell, as the class of a reversal does
    }
    if (name.equals("time_of") && arguments.get(1) instanceof Literal pattern && pattern.value() != null) {
      Times.formatter(pattern.value().toString()); // a mistake in it is told at start
    }
    return Calls.ofValues(this, name, DataTypes.StringType, arguments);
  }

  private static Expression asText(Expression argument) {
    DataType type = argument.dataType();
    if (type.equals(DataTypes.StringType)) {
      return argument;
    }
    // Of a timestamp the seconds since 1970: as text it would depend on the session's zone.
    Expression value = type.equals(DataTypes.TimestampType) ? Calls.cast(argument, DataTypes.LongType) : argument;
    return Calls.cast(value, DataTypes.StringType);
  }

  private static Expression orEmpty(Expression text) {
    return new Coalesce(Calls.seq(List.of(text, Literal.create("", DataTypes.StringType))));
  }

  /** Called by the code that Spark generates, as all below. */
  public MapData headers(ArrayData headers) {
    if (headers == null) {
      return null;
    }
    Map<UTF8String, UTF8String> found = new LinkedHashMap<>();
    for (int i = 0; i < headers.numElements(); i++) {
      InternalRow header = headers.getStruct(i, 2);
      if (!header.isNullAt(0)) {
        found.put(header.getUTF8String(0), header.isNullAt(1) ? null : UTF8String.fromBytes(header.getBinary(1)));
      }
    }
    return new ArrayBasedMapData(new GenericArrayData(found.keySet().toArray()), new GenericArrayData(found.values().toArray()));
  }

  public UTF8String epoch_seconds(UTF8String count) {
    return attempt(() -> Times.sinceEpoch(count.toString(), 1_000_000));
  }

  public UTF8String epoch_millis(UTF8String count) {
    return attempt(() -> Times.sinceEpoch(count.toString(), 1_000));
  }

  public UTF8String epoch_micros(UTF8String count) {
    return attempt(() -> Times.sinceEpoch(count.toString(), 1));
  }

  public UTF8String epoch_days(UTF8String count) {
    return attempt(() -> Times.date(count.toString()));
  }

  public UTF8String time_of(UTF8String text, UTF8String pattern) {
    return time_of(text, pattern, UTF8String.fromString(UTC));
  }

  public UTF8String time_of(UTF8String text, UTF8String pattern, UTF8String zone) {
    return attempt(() -> Times.byPattern(text.toString(), pattern.toString(), zone.toString()));
  }

  public UTF8String time_without_year(UTF8String text, UTF8String arrivedSeconds) {
    return time_without_year(text, arrivedSeconds, UTF8String.fromString(UTC));
  }

  public UTF8String time_without_year(UTF8String text, UTF8String arrivedSeconds, UTF8String zone) {
    return attempt(() -> Times.withoutYear(text.toString(), Long.parseLong(arrivedSeconds.toString()), zone.toString()));
  }

  public UTF8String minor_units(UTF8String count, UTF8String currency) {
    return attempt(
        () -> {
          String digits = count.toString().strip();
          String known = currency(currency.toString());
          // Long.parseLong takes a plus too.
          if (known == null || digits.length() > MOST_DIGITS + 1 || digits.startsWith("+")) {
            return null;
          }
          return BigDecimal.valueOf(Long.parseLong(digits), tables.get("decimals").get(known).charAt(0) - '0').toPlainString();
        });
  }

  public UTF8String currency_of(UTF8String code) {
    return attempt(() -> currency(code.toString()));
  }

  public UTF8String decimal_of(UTF8String base64, UTF8String scale) {
    return attempt(
        () -> {
          byte[] unscaled = Base64.getDecoder().decode(base64.toString());
          int digits = Integer.parseInt(scale.toString());
          return digits < 0 || digits > MOST_DIGITS || unscaled.length > MOST_BYTES ? null : new BigDecimal(new BigInteger(unscaled), digits).toPlainString();
        });
  }

  /** Approved or why not; a code that the table does not have is a decline all the same. */
  public UTF8String response_of(UTF8String code) {
    return attempt(
        () -> {
          String known = tables.get("responses").get(code.toString());
          if (known != null) {
            return known;
          }
          String text = code.toString().strip().toUpperCase(Locale.ROOT);
          String padded = text.length() == 1 ? "0" + text : text;
          return text.isEmpty() ? null : tables.get("responses").getOrDefault(padded, "declined");
        });
  }

  /** By the class of the message first: a reversal is one, whatever was paid for. */
  public UTF8String type_of(UTF8String mti, UTF8String processingCode) {
    return attempt(
        () -> {
          String message = mti.toString().strip();
          String code = processingCode.toString().strip();
          String byMessage = message.length() == 4 ? tables.get("messages").get(message.substring(1, 2)) : null;
          return byMessage != null ? byMessage : code.length() < 2 ? null : tables.get("processing").get(code.substring(0, 2));
        });
  }

  public UTF8String category_of(UTF8String text) {
    return attempt(
        () -> {
          String name = text.toString().strip();
          return name.matches("\\d{4}") ? name : tables.get("categories").get(name.toLowerCase(Locale.ROOT).replaceAll("[^a-z]+", "_"));
        });
  }

  public UTF8String token_of(UTF8String number) {
    return attempt(() -> CardNumbers.token(number.toString(), cardKeyFile));
  }

  @FunctionalInterface
  private interface Attempt {
    String text();
  }

  private static UTF8String attempt(Attempt attempt) {
    try {
      return UTF8String.fromString(attempt.text());
    } catch (RuntimeException unreadable) {
      return null; // no trace, no text: it may hold a card number
    }
  }

  /** Returns the letters of a currency, by its letters or its number; null where ISO 4217 has neither. */
  private String currency(String code) {
    String known = tables.get("currencies").get(code);
    if (known != null) {
      return known;
    }
    String text = code.strip().toUpperCase(Locale.ROOT);
    return tables.get("currencies").get(text.matches("\\d{1,2}") ? "0".repeat(3 - text.length()) + text : text);
  }
}
