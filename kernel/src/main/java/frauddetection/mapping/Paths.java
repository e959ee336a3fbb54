package frauddetection.mapping;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Paths into the bodies of records, each with a number: all their texts are found in one reading of a value. */
final class Paths implements Serializable {
  private static final long serialVersionUID = 1L;

  private final List<String> texts = new ArrayList<>();
  private final Node root = new Node();

  /**
   * Returns the number of a path, which is new where it is not known.
   *
   * @throws IllegalArgumentException it is none
   */
  int number(String path) {
    int known = texts.indexOf(path);
    if (known >= 0) {
      return known;
    }
    Node node = root;
    for (Object step : Path.parse(path).steps()) {
      node =
          step instanceof Integer place
              ? node.places.computeIfAbsent(place, any -> new Node())
              : node.names.computeIfAbsent((String) step, any -> new Node());
    }
    node.numbers.add(texts.size());
    texts.add(path);
    return texts.size() - 1;
  }

  int count() {
    return texts.size();
  }

  String text(int number) {
    return texts.get(number);
  }

  /** Returns the place at which all paths begin. */
  Node root() {
    return root;
  }

  /** A place that paths lead to or through. */
  static final class Node implements Serializable {
    private static final long serialVersionUID = 1L;

    /** A place that no path leads to or through. */
    static final Node NOWHERE = new Node();

    private final List<Integer> numbers = new ArrayList<>();
    private final Map<String, Node> names = new HashMap<>();
    private final Map<Integer, Node> places = new HashMap<>();

    /** Returns the numbers of the paths that end here. */
    List<Integer> numbers() {
      return numbers;
    }

    boolean isAnEnd() {
      return !numbers.isEmpty();
    }

    /** Returns where paths lead from here by names of fields. */
    Map<String, Node> names() {
      return names;
    }

    /** Returns where paths lead from here by places in an array. */
    Map<Integer, Node> places() {
      return places;
    }

    Node field(String name) {
      return names.getOrDefault(name, NOWHERE);
    }

    Node element(int place) {
      return places.getOrDefault(place, NOWHERE);
    }

    /** Whether nothing of what stands here is wanted. */
    boolean isNowhere() {
      return numbers.isEmpty() && names.isEmpty() && places.isEmpty();
    }
  }
}
