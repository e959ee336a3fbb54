package frauddetection.scoring;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.IntStream;
import org.sparkproject.spark_core.protobuf.ByteString;

/**
 * Reads an ONNX file of the form that training/export.py writes: perhaps a value for what is absent, an ensemble of trees, perhaps steps of
 * arithmetic. The numbers of fields are those of onnx.proto; https://onnx.ai/onnx/operators says what operators and attributes mean.
 */
final class OnnxTrees {
  private static final long[] FLOAT = {1};
  /** All trees go down as far as the deepest: past this, that is too far. */
  private static final int DEEPEST = 32;

  private final int width;
  private final Map<String, ProtobufMessage> constants = new HashMap<>();
  private final Map<String, ProtobufMessage> attributes = new HashMap<>();
  private final List<DoubleUnaryOperator> steps = new ArrayList<>();

  private record Node(long tree, long number) {}

  private OnnxTrees(int width) {
    this.width = width;
  }

  /**
   * Returns an engine that gives what ONNX Runtime gives of a model, only sooner: its trees, or ONNX Runtime where there is any doubt.
   *
   * @param runtime has loaded the file: what it refuses of one needs no second look
   */
  static Model orElse(Model runtime, byte[] onnx, int width) {
    try {
      FlatTrees trees = read(onnx, width);
      return trees.agreesWith(runtime) ? trees : runtime;
    } catch (RuntimeException anotherGraph) {
      return runtime;
    }
  }

  /**
   * Returns the trees of a file that ONNX Runtime has loaded.
   *
   * @throws RuntimeException where the file says anything else
   */
  static FlatTrees read(byte[] onnx, int width) {
    ProtobufMessage model = ProtobufMessage.of(ByteString.copyFrom(onnx));
    require(model.messages(25).isEmpty()); // functions: they may give an operator another meaning
    return new OnnxTrees(width).graph(model.message(7));
  }

  private FlatTrees graph(ProtobufMessage graph) {
    graph.messages(5).forEach(one -> constants.put(one.text(8), one));
    ProtobufMessage input = graph.message(11);
    require(Arrays.equals(input.message(2).message(1).integers(1), FLOAT));
    Deque<ProtobufMessage> open = new ArrayDeque<>(graph.messages(1));
    String name = input.text(1);
    float[] absent = null;
    if (is(open.element(), "IsNaN", name)) {
      String isAbsent = open.remove().text(2);
      String values = open.element().texts(1).get(1);
      require(is(open.element(), "Where", isAbsent, values, name));
      absent = constant(values, width);
      name = open.remove().text(2);
    }
    ProtobufMessage trees = open.remove();
    boolean classifies = is(trees, "ai.onnx.ml.TreeEnsembleClassifier", name);
    require(classifies || is(trees, "ai.onnx.ml.TreeEnsembleRegressor", name));
    trees.messages(5).forEach(one -> attributes.put(one.text(1), one));
    FlatTrees found = ensemble(classifies ? "class_" : "target_", absent);
    name = trees.texts(2).get(classifies ? 1 : 0);
    for (ProtobufMessage step : open) {
      steps.add(step(step, name));
      name = step.text(2);
    }
    List<ProtobufMessage> outputs = graph.messages(12);
    require(name.equals(outputs.get(outputs.size() - 1).text(1)));
    return found;
  }

  private static boolean is(ProtobufMessage node, String operator, String... inputs) {
    return operator.equals((node.text(7) + "." + node.text(4)).replaceFirst("^\\.", "")) && node.texts(1).equals(List.of(inputs));
  }

  private DoubleUnaryOperator step(ProtobufMessage node, String name) {
    String first = node.texts(1).get(0);
    String second = node.texts(1).get(1);
    float value = constant(name.equals(first) ? second : first, 1)[0];
    if (is(node, "Mul", name, second)) {
      return sum -> sum * value;
    }
    if (is(node, "Sub", name, second)) {
      return sum -> sum - value;
    }
    require(is(node, "Pow", first, name));
    return sum -> Math.pow(value, sum);
  }

  private float[] constant(String name, int size) {
    ProtobufMessage tensor = constants.get(name);
    float[] values = tensor.floats(tensor.floats(9).length == 0 ? 4 : 9);
    require(values.length == size && tensor.integers(1).length <= 1 && Arrays.equals(tensor.integers(2), FLOAT));
    return values;
  }

  /** Returns the trees level by level. A tree's root is the first of its nodes in the file. What has been met is no longer open. */
  private FlatTrees ensemble(String leaf, float[] absent) {
    long[] trees = integers("nodes_treeids");
    long[] numbers = integers("nodes_nodeids");
    long[] features = integers("nodes_featureids");
    long[] missing = Arrays.copyOf(integers("nodes_missing_value_tracks_true"), trees.length); // absent: all are 0
    long[][] children = {integers("nodes_truenodeids"), integers("nodes_falsenodeids")};
    float[] limits = attribute("nodes_values").floats(7);
    float[] given = attribute(leaf + "weights").floats(7);
    List<String> modes = attribute("nodes_modes").texts(9);
    require(trees.length <= FlatTrees.MOST_NODES && width <= FlatTrees.MOST_FEATURES);
    Map<Node, Integer> open = byNode(trees, numbers);
    Map<Node, Integer> ends = byNode(integers(leaf + "treeids"), integers(leaf + "nodeids"));
    int[] roots = IntStream.range(0, trees.length).filter(i -> i == 0 || trees[i] != trees[i - 1]).toArray();
    long[] nodes = new long[trees.length];
    float[] weights = new float[trees.length];
    int[] order = new int[trees.length];
    int[] levels = new int[trees.length];
    int end = 0;
    for (int tree = 0; tree < roots.length; tree++) {
      int at = end;
      order[end++] = open.remove(new Node(trees[roots[tree]], numbers[roots[tree]]));
      for (roots[tree] = at; at < end; at++) {
        int i = order[at];
        boolean less = modes.get(i).equals("BRANCH_LT");
        if (modes.get(i).equals("LEAF")) {
          nodes[at] = FlatTrees.leaf(at);
          weights[at] = given[ends.remove(new Node(trees[i], numbers[i]))];
          continue;
        }
        require((less || modes.get(i).equals("BRANCH_LEQ")) && !Float.isNaN(limits[i]) && levels[at] < DEEPEST);
        require(features[i] >= 0 && features[i] < width && (missing[i] == 0 || missing[i] == 1));
        // What is less than an integer is at most the one before it.
        int limit = FlatTrees.ordered(limits[i]) - (less ? 1 : 0);
        nodes[at] = FlatTrees.node(limit, (int) features[i] + (int) missing[i] * width, end);
        for (long[] child : children) {
          levels[end] = levels[at] + 1;
          order[end++] = open.remove(new Node(trees[i], child[i]));
        }
      }
    }
    require(open.isEmpty() && ends.isEmpty());
    finish(leaf);
    return new FlatTrees(width, absent, nodes, weights, roots, Arrays.stream(levels).max().orElseThrow(), steps);
  }

  /** Adds what the operator does with the sum of the trees' leaves. */
  private void finish(String leaf) {
    require(attributes.keySet().stream().noneMatch(name -> name.endsWith("_as_tensor")));
    require(Arrays.stream(integers(leaf + "ids")).allMatch(id -> id == 0));
    require(text("aggregate_function", "SUM").equals("SUM"));
    float[] base = attribute("base_values").floats(7);
    require(base.length <= 1);
    if (base.length == 1) {
      steps.add(sum -> sum + base[0]);
    }
    if (leaf.equals("class_") && text("post_transform", "NONE").equals("LOGISTIC")) {
      steps.add(sum -> 1 / (1 + Math.exp(-sum)));
    } else {
      require(text("post_transform", "NONE").equals("NONE"));
    }
  }

  private static Map<Node, Integer> byNode(long[] trees, long[] numbers) {
    Map<Node, Integer> found = new HashMap<>();
    for (int i = 0; i < trees.length; i++) {
      require(found.put(new Node(trees[i], numbers[i]), i) == null);
    }
    return found;
  }

  private long[] integers(String name) {
    return attribute(name).integers(8);
  }

  private String text(String name, String otherwise) {
    return attributes.containsKey(name) ? attribute(name).text(4) : otherwise;
  }

  private ProtobufMessage attribute(String name) {
    return attributes.getOrDefault(name, ProtobufMessage.EMPTY);
  }

  private static void require(boolean good) {
    if (!good) {
      throw new IllegalArgumentException("not trees alone");
    }
  }
}
