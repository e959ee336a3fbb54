package frauddetection.scoring;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/** Models for tests, as files of ONNX. The numbers of the fields are those of onnx.proto. */
final class Onnx {
  static final int FLOAT = 1;
  static final int INT64 = 7;
  static final int DOUBLE = 11;
  private static final String TREES = "ai.onnx.ml";
  private static final int IR_VERSION = 8;
  private static final int OPSET = 15;
  private static final int TREES_OPSET = 3;

  /** In the order of the file: what a graph needs, before it is one. */
  private final Protobuf graph = new Protobuf().text(2, "test");

  /** What the output of a model looks like: a list, a column, or a column for each class. */
  enum Output {
    LIST,
    ONE,
    TWO
  }

  /** Returns {@code sigmoid(bias + sum of weight * value)}, in which an absent value counts as 0. */
  static byte[] logistic(int type, Output output, double bias, double... weights) {
    Onnx model = new Onnx();
    int columns = output == Output.TWO ? 2 : 1;
    double[] matrix = new double[weights.length * columns];
    double[] biases = new double[columns];
    for (int i = 0; i < weights.length; i++) {
      matrix[i * columns + columns - 1] = weights[i];
    }
    biases[columns - 1] = bias;
    model.constant("zero", type, List.of(), 0);
    model.constant("weights", type, List.of(weights.length, columns), matrix);
    model.constant("bias", type, List.of(columns), biases);
    model.node("IsNaN", List.of("x"), "absent");
    model.node("Where", List.of("absent", "zero", "x"), "present");
    model.node("MatMul", List.of("present", "weights"), "products");
    model.node("Add", List.of("products", "bias"), "sums");
    model.node(columns == 2 ? "Softmax" : "Sigmoid", List.of("sums"), output == Output.LIST ? "column" : "score");
    if (output == Output.LIST) {
      model.integers("flat", List.of(1), -1);
      model.node("Reshape", List.of("column", "flat"), "score");
    }
    return model.file(type, -1, weights.length, type);
  }

  /** Returns a model that gives its one feature, whatever it is. */
  static byte[] identity() {
    Onnx model = new Onnx();
    model.node("Identity", List.of("x"), "score");
    return model.file(DOUBLE, -1, 1, DOUBLE);
  }

  /** Returns a model that takes and gives what is said, and does nothing else. */
  static byte[] cast(int from, int rows, int width, int to) {
    Onnx model = new Onnx();
    model.graph.message(1, node("Cast", "", List.of("x"), "score").message(5, attribute("to", 2).number(3, to)));
    return model.file(from, rows, width, to);
  }

  /** Returns a model whose weights are said to lie in a file beside it. */
  static byte[] outside(String location) {
    Onnx model = new Onnx();
    Protobuf tensor = new Protobuf().number(1, 1).number(1, 1).number(2, FLOAT).text(8, "weights");
    tensor.message(13, new Protobuf().text(1, "location").text(2, location)).number(14, 1);
    model.graph.message(5, tensor);
    model.node("MatMul", List.of("x", "weights"), "score");
    return model.file(FLOAT, -1, 1, FLOAT);
  }

  /** Returns trees as a converter writes them: the first class gets what the second does not. */
  static byte[] trees(int width, Forest forest, double... absent) {
    Onnx model = new Onnx();
    Protobuf node = node("TreeEnsembleClassifier", TREES, List.of(model.fill(absent)), "label", "score");
    forest.write(node, "class_");
    node.message(5, integers("classlabels_int64s", List.of(0L, 1L)));
    model.graph.message(1, node);
    model.graph.message(12, value("label", INT64, -1));
    return model.file(FLOAT, -1, width, FLOAT);
  }

  /** Returns trees as those of an isolation forest are written: {@code 2 ** (sum / 100) - 1/2}. */
  static byte[] depths(int width, Forest forest, double... absent) {
    Onnx model = new Onnx();
    Protobuf node = node("TreeEnsembleRegressor", TREES, List.of(model.fill(absent)), "depth");
    forest.write(node, "target_");
    model.graph.message(1, node.message(5, attribute("n_targets", 2).number(3, 1)));
    model.constant("scale", FLOAT, List.of(1), 0.01);
    model.constant("two", FLOAT, List.of(1), 2);
    model.constant("half", FLOAT, List.of(1), 0.5);
    model.node("Mul", List.of("depth", "scale"), "share");
    model.node("Pow", List.of("two", "share"), "power");
    model.node("Sub", List.of("power", "half"), "score");
    return model.file(FLOAT, -1, width, FLOAT);
  }

  /** Puts values in the place of what is absent, if there are any; returns the name of what the model goes on with. */
  private String fill(double... absent) {
    if (absent.length == 0) {
      return "x";
    }
    constant("values", FLOAT, List.of(absent.length), absent);
    node("IsNaN", List.of("x"), "absent");
    node("Where", List.of("absent", "values", "x"), "filled");
    return "filled";
  }

  private void node(String operator, List<String> inputs, String output) {
    graph.message(1, node(operator, "", inputs, output));
  }

  private static Protobuf node(String operator, String domain, List<String> inputs, String... outputs) {
    Protobuf node = new Protobuf().text(4, operator).text(7, domain);
    inputs.forEach(input -> node.text(1, input));
    List.of(outputs).forEach(output -> node.text(2, output));
    return node;
  }

  static Protobuf attribute(String name, int type) {
    return new Protobuf().text(1, name).number(20, type);
  }

  static Protobuf integers(String name, List<Long> values) {
    Protobuf attribute = attribute(name, 7);
    values.forEach(value -> attribute.number(8, value));
    return attribute;
  }

  static Protobuf floats(String name, List<Double> values) {
    Protobuf attribute = attribute(name, 6);
    values.forEach(value -> attribute.real(7, value.floatValue()));
    return attribute;
  }

  static Protobuf texts(String name, List<String> values) {
    Protobuf attribute = attribute(name, 8);
    values.forEach(value -> attribute.text(9, value));
    return attribute;
  }

  private void constant(String name, int type, List<Integer> shape, double... values) {
    ByteBuffer raw = ByteBuffer.allocate(values.length * Double.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (double value : values) {
      if (type == DOUBLE) {
        raw.putDouble(value);
      } else {
        raw.putFloat((float) value);
      }
    }
    tensor(name, type, shape, raw);
  }

  private void integers(String name, List<Integer> shape, long value) {
    tensor(name, INT64, shape, ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(value));
  }

  private void tensor(String name, int type, List<Integer> shape, ByteBuffer raw) {
    Protobuf tensor = new Protobuf();
    shape.forEach(size -> tensor.number(1, size));
    byte[] bytes = new byte[raw.position()];
    raw.flip().get(bytes);
    graph.message(5, tensor.number(2, type).text(8, name).raw(9, bytes));
  }

  private static Protobuf value(String name, int type, int... shape) {
    Protobuf sizes = new Protobuf();
    for (int size : shape) {
      sizes.message(1, size < 0 ? new Protobuf().text(2, "N") : new Protobuf().number(1, size));
    }
    Protobuf tensor = new Protobuf().number(1, type);
    return new Protobuf().text(1, name).message(2, new Protobuf().message(1, shape.length == 0 ? tensor : tensor.message(2, sizes)));
  }

  /** The output's shape is left out: a file may. */
  private byte[] file(int input, int rows, int width, int output) {
    graph.message(11, value("x", input, rows, width)).message(12, value("score", output));
    Protobuf model = new Protobuf().number(1, IR_VERSION).message(7, graph);
    model.message(8, new Protobuf().text(1, "").number(2, OPSET));
    return model.message(8, new Protobuf().text(1, TREES).number(2, TREES_OPSET)).bytes();
  }
}
