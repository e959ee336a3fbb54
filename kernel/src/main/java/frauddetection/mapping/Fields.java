package frauddetection.mapping;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import frauddetection.catalyst.Calls;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.types.variant.Variant;
import org.apache.spark.types.variant.VariantUtil;
import org.apache.spark.unsafe.types.UTF8String;
import org.apache.spark.unsafe.types.VariantVal;

/** The texts of a record's fields: those of all plain paths in one walk through its body, and those that expressions have given. */
public final class Fields implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final int NOT_AN_EXPRESSION = -1;

  private final Node paths = new Node();
  private final int[] expressions;

  private Fields(List<String> sources) {
    expressions = new int[sources.size()];
    int next = 0;
    for (int field = 0; field < expressions.length; field++) {
      String source = sources.get(field);
      expressions[field] = NOT_AN_EXPRESSION;
      if (source != null && source.isEmpty()) {
        expressions[field] = next++;
      } else if (source != null) {
        paths.add(Path.parse(source)).fields.add(field);
      }
    }
  }

  /**
   * Returns a column of arrays: the text of each field, null where there is none.
   *
   * @param body VARIANT, or null
   * @param texts array of the expressions' texts
   * @param sources JSON array, for each field its path, an empty text for the next of the expressions, or null
   * @throws IllegalArgumentException a path is none
   */
  public static Column texts(Column body, Column texts, String sources) {
    try {
      List<String> list = Arrays.asList(new ObjectMapper().readValue(sources, String[].class));
      return Calls.column(new Fields(list), "read", DataTypes.createArrayType(DataTypes.StringType), List.of(body, texts));
    } catch (JsonProcessingException error) {
      throw new IllegalArgumentException("not the sources of fields", error);
    }
  }

  /** Returns null of a path, else what is wrong with it, in words. */
  public static String refusal(String path) {
    try {
      Path.parse(path);
      return null;
    } catch (IllegalArgumentException none) {
      return none.getMessage();
    }
  }

  /** Called by the code that Spark generates. */
  public ArrayData read(VariantVal body, ArrayData texts) {
    Object[] found = new Object[expressions.length];
    if (body != null) {
      read(new Variant(body.getValue(), body.getMetadata()), paths, found);
    }
    for (int field = 0; field < found.length; field++) {
      int expression = expressions[field];
      if (expression != NOT_AN_EXPRESSION && !texts.isNullAt(expression)) {
        found[field] = texts.getUTF8String(expression);
      }
    }
    return new GenericArrayData(found);
  }

  private static void read(Variant value, Node node, Object[] found) {
    if (!node.fields.isEmpty()) {
      UTF8String text = Texts.of(value);
      node.fields.forEach(field -> found[field] = text);
    }
    VariantUtil.Type type = value.getType();
    if (type == VariantUtil.Type.OBJECT && !node.names.isEmpty()) {
      int size = value.objectSize();
      for (int i = 0; i < size; i++) {
        Variant.ObjectField field = value.getFieldAtIndex(i);
        Node next = node.names.get(field.key);
        if (next != null) {
          read(field.value, next, found);
        }
      }
    } else if (type == VariantUtil.Type.ARRAY) {
      node.places.forEach((place, next) -> {
        Variant element = value.getElementAtIndex(place);
        if (element != null) {
          read(element, next, found);
        }
      });
    }
  }

  /** A place that paths lead to or through. */
  private static final class Node implements Serializable {
    private static final long serialVersionUID = 1L;

    private final List<Integer> fields = new ArrayList<>();
    private final Map<String, Node> names = new HashMap<>();
    private final Map<Integer, Node> places = new HashMap<>();

    Node add(Path path) {
      Node node = this;
      for (Object step : path.steps()) {
        node =
            step instanceof Integer place
                ? node.places.computeIfAbsent(place, any -> new Node())
                : node.names.computeIfAbsent((String) step, any -> new Node());
      }
      return node;
    }
  }
}
