package frauddetection.wire;

import frauddetection.catalyst.Calls;
import java.io.Serializable;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * Hides card numbers in bytes that somebody may see: 13 to 19 digits that pass Luhn's check, with single blanks or hyphens between them
 * or without, alone or with more digits behind them, such as a date of expiry.
 */
public final class CardNumbers implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final int SHORTEST = 13;
  private static final int LONGEST = 19;
  private static final int SHOWN = 4;
  private static final int TEN = 10;
  private static final int NINE = 9;

  private static final StructType HEADER = new StructType().add("key", DataTypes.StringType).add("value", DataTypes.BinaryType);
  private static final StructType RECORD =
      new StructType()
          .add("key", DataTypes.BinaryType)
          .add("value", DataTypes.BinaryType)
          .add("headers", DataTypes.createArrayType(HEADER));

  private CardNumbers() {}

  /** Returns a struct column of a Kafka record's key, value and headers with all but the last four digits of card numbers as asterisks. */
  public static Column hiddenIn(Column key, Column value, Column headers) {
    return Calls.column(new CardNumbers(), "record", RECORD, List.of(key, value, headers));
  }

  /** Called by the code that Spark generates. */
  public InternalRow record(byte[] key, byte[] value, ArrayData headers) {
    return new GenericInternalRow(new Object[] {hiddenIn(key), hiddenIn(value), headers == null ? null : hiddenIn(headers)});
  }

  private static ArrayData hiddenIn(ArrayData headers) {
    Object[] hidden = new Object[headers.numElements()];
    for (int i = 0; i < hidden.length; i++) {
      InternalRow header = headers.getStruct(i, 2);
      byte[] value = header.isNullAt(1) ? null : header.getBinary(1);
      hidden[i] = new GenericInternalRow(new Object[] {header.isNullAt(0) ? null : header.getUTF8String(0), hiddenIn(value)});
    }
    return new GenericArrayData(hidden);
  }

  /** Returns the same array where there is no card number. */
  private static byte[] hiddenIn(byte[] bytes) {
    if (bytes == null) {
      return null;
    }
    byte[] hidden = bytes;
    // What looks like a number may begin before the one that is, and end in it: each is hidden.
    for (int at = 0; at < bytes.length; at = afterGroup(bytes, at)) {
      int end = isDigit(bytes, at) ? end(bytes, at) : at;
      if (end > at) {
        hidden = hidden == bytes ? bytes.clone() : hidden;
        hide(bytes, hidden, at, end);
      }
    }
    return hidden;
  }

  /** Returns where the longest card number ends that begins at a digit, which no other digit stands before; the place itself if none does. */
  private static int end(byte[] bytes, int start) {
    int longest = start;
    int count = 0;
    int even = 0; // Luhn's sum if the number has an even count of digits, and if it has an odd one
    int odd = 0;
    for (int i = start; i < bytes.length && count < LONGEST; i++) {
      if (!isDigit(bytes, i)) {
        if (!isBetween(bytes, i)) {
          break;
        }
        continue;
      }
      int digit = bytes[i] - '0';
      int doubled = digit * 2 > NINE ? digit * 2 - NINE : digit * 2;
      even += count % 2 == 0 ? doubled : digit;
      odd += count % 2 == 0 ? digit : doubled;
      count++;
      int sum = count % 2 == 0 ? even : odd;
      if (count >= SHORTEST && sum % TEN == 0) {
        longest = i + 1;
      }
    }
    return longest;
  }

  /** Returns where the next digits may begin. */
  private static int afterGroup(byte[] bytes, int at) {
    int next = at + 1;
    while (isDigit(bytes, at) && isDigit(bytes, next)) {
      next++;
    }
    return next;
  }

  private static boolean isBetween(byte[] bytes, int at) {
    return (bytes[at] == ' ' || bytes[at] == '-') && isDigit(bytes, at + 1);
  }

  private static void hide(byte[] bytes, byte[] hidden, int start, int end) {
    int shown = 0;
    for (int i = end - 1; i >= start; i--) {
      if (isDigit(bytes, i) && shown++ >= SHOWN) {
        hidden[i] = '*';
      }
    }
  }

  private static boolean isDigit(byte[] bytes, int at) {
    return at < bytes.length && bytes[at] >= '0' && bytes[at] <= '9';
  }
}
