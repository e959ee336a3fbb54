package frauddetection.mapping;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import frauddetection.wire.Json;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * The texts at paths in a JSON value, in one pass over it: of a string its characters, of a number or boolean what stands there, of an
 * object or array its JSON, and nothing of a null.
 */
final class JsonTexts {
  /** Of the records in one value: each costs a row, and a few bytes make one. */
  private static final int MOST_ELEMENTS = 10_000;

  private static final String NOT_AN_ARRAY = "not_an_array";

  private final JsonParser parser;
  private final String json;
  private final Paths paths;
  private final UTF8String[] found;
  private final boolean[] met;

  private JsonTexts(JsonParser parser, String json, Paths paths) {
    this.parser = parser;
    this.json = json;
    this.paths = paths;
    found = new UTF8String[paths.count()];
    met = new boolean[paths.count()];
  }

  /**
   * Returns the text at each path that goes on from {@code root}, null where there is none.
   *
   * @throws Unreadable the text is no JSON object or array, or has one of the paths twice
   */
  static ArrayData of(String json, Paths paths, Paths.Node root) throws Unreadable {
    try (JsonParser parser = Json.parser(json)) {
      JsonToken first = parser.nextToken();
      if (first != null && first.isStructStart()) {
        JsonTexts reading = new JsonTexts(parser, json, paths);
        reading.read(first, root);
        if (parser.nextToken() == null) {
          return new GenericArrayData(reading.found);
        }
      }
    } catch (IOException notJson) {
      // Said below; the parser's own words may quote the value.
    }
    throw new Unreadable(Json.refusal(json));
  }

  private void read(JsonToken token, Paths.Node node) throws IOException, Unreadable {
    if (node.isNowhere()) {
      parser.skipChildren();
      return;
    }
    boolean isEnd = node.isAnEnd();
    if (!token.isStructStart()) {
      if (isEnd) {
        put(node, token == JsonToken.VALUE_NULL ? null : Json.utf8(parser.getText()));
      }
      return;
    }
    long start = isEnd ? parser.currentTokenLocation().getCharOffset() : 0;
    if (token == JsonToken.START_OBJECT && !node.names().isEmpty()) {
      while (parser.nextToken() != JsonToken.END_OBJECT) {
        Paths.Node next = node.field(parser.currentName());
        read(parser.nextToken(), next);
      }
    } else if (token == JsonToken.START_ARRAY && !node.places().isEmpty()) {
      int place = 0;
      for (JsonToken next = parser.nextToken(); next != JsonToken.END_ARRAY; next = parser.nextToken()) {
        read(next, node.element(place++));
      }
    } else {
      parser.skipChildren();
    }
    if (isEnd) {
      put(node, UTF8String.fromString(slice(parser, json, start)));
    }
  }

  private void put(Paths.Node node, UTF8String text) throws Unreadable {
    for (int number : node.numbers()) {
      if (met[number]) {
        throw new Unreadable("repeated:" + paths.text(number));
      }
      met[number] = true;
      found[number] = text;
    }
  }

  /** Returns the JSON from the place up to the token at which the parser stands, that one included. */
  private static String slice(JsonParser parser, String json, long start) {
    return json.substring((int) start, (int) parser.currentLocation().getCharOffset());
  }

  /**
   * Returns the JSON of each element of the array at the path; of an object in its place, as converters from XML write an array of one,
   * its own.
   *
   * @throws Unreadable the text is no JSON, there is neither array nor object at the path, or there are too many elements
   */
  static List<String> elements(String json, Path path) throws Unreadable {
    try (JsonParser parser = Json.parser(json)) {
      JsonToken first = parser.nextToken();
      if (first != null && first.isStructStart()) {
        List<String> elements = elements(parser, json, path);
        while (!parser.getParsingContext().inRoot()) {
          parser.nextToken();
        }
        if (parser.nextToken() == null) {
          return elements;
        }
      }
    } catch (IOException notJson) {
      // Said below.
    }
    throw new Unreadable(Json.refusal(json));
  }

  private static List<String> elements(JsonParser parser, String json, Path path) throws IOException, Unreadable {
    for (Object step : path.steps()) {
      boolean isThere = step instanceof Integer place ? toElement(parser, place) : toField(parser, (String) step);
      if (!isThere) {
        throw new Unreadable(NOT_AN_ARRAY);
      }
    }
    boolean isObject = parser.currentToken() == JsonToken.START_OBJECT;
    if (!isObject && parser.currentToken() != JsonToken.START_ARRAY) {
      throw new Unreadable(NOT_AN_ARRAY);
    }
    List<String> elements = new ArrayList<>();
    while (isObject || parser.nextToken() != JsonToken.END_ARRAY) {
      long start = parser.currentTokenLocation().getCharOffset();
      parser.skipChildren();
      parser.finishToken();
      elements.add(slice(parser, json, start));
      if (elements.size() > MOST_ELEMENTS) {
        throw new Unreadable("too_many");
      }
      if (isObject) {
        break;
      }
    }
    return elements;
  }

  private static boolean toField(JsonParser parser, String name) throws IOException {
    if (parser.currentToken() != JsonToken.START_OBJECT) {
      return false;
    }
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      boolean isIt = parser.currentName().equals(name);
      parser.nextToken();
      if (isIt) {
        return true;
      }
      parser.skipChildren();
    }
    return false;
  }

  private static boolean toElement(JsonParser parser, int place) throws IOException {
    if (parser.currentToken() != JsonToken.START_ARRAY) {
      return false;
    }
    for (int at = 0; parser.nextToken() != JsonToken.END_ARRAY; at++) {
      if (at == place) {
        return true;
      }
      parser.skipChildren();
    }
    return false;
  }
}
