package frauddetection.scoring;

import ai.onnxruntime.NodeInfo;
import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.Set;

/**
 * A model as ONNX Runtime runs it, on the thread that calls. Any number of threads may; each has tensors of its own, which it uses again
 * for every row. Native memory goes with the last reference: nobody can close a model that another thread is using.
 */
final class OnnxModel implements Model {
  private static final Cleaner CLEANER = Cleaner.create();
  private static final int PROBES = 2;

  private final OrtEnvironment environment;
  private final OrtSession session;
  private final int width;
  private final String inputName;
  private final OnnxJavaType inputType;
  private final String outputName;
  private final OnnxJavaType outputType;
  private final int columns;
  private final ThreadLocal<Batch> ofOneRow = ThreadLocal.withInitial(() -> new Batch(this, 1));

  /**
   * Loads a model and runs it once.
   *
   * @param width how many features it must take
   * @throws IllegalArgumentException with what is wrong with the model
   */
  OnnxModel(byte[] onnx, int width) {
    this.width = width;
    try {
      environment = environment();
      session = open(environment, onnx);
      OrtSession opened = session;
      CLEANER.register(this, () -> close(opened));
      inputName = last(session.getInputNames());
      inputType = type(session.getInputInfo().get(inputName), "input");
      outputName = last(session.getOutputNames());
      outputType = type(session.getOutputInfo().get(outputName), "output");
      checkInput();
      columns = probe();
    } catch (OrtException error) {
      throw new IllegalArgumentException(
          "ONNX Runtime cannot use " + Manifest.ONNX + ": " + Manifest.firstLine(error.getMessage()), error);
    }
  }

  @Override
  public double score(double[] row) {
    try {
      Batch batch = ofOneRow.get();
      batch.put(0, row);
      run(batch);
      return batch.result(0);
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /** In one call of the engine. */
  @Override
  public double[] scores(double[][] rows) {
    Batch batch = new Batch(this, rows.length);
    for (int i = 0; i < rows.length; i++) {
      batch.put(i, rows[i]);
    }
    run(batch);
    double[] scores = new double[rows.length];
    for (int i = 0; i < rows.length; i++) {
      scores[i] = batch.result(i);
    }
    Reference.reachabilityFence(this);
    return scores;
  }

  private void run(Batch batch) {
    // The result owns nothing: the output is the batch's.
    try (OrtSession.Result done = session.run(batch.inputs, Set.of(), batch.outputs)) {
      assert done.size() == 1;
    } catch (OrtException error) {
      throw new IllegalStateException("ONNX Runtime failed: " + error.getMessage(), error);
    }
  }

  private static OrtEnvironment environment() {
    try {
      // What goes wrong is in the exception; the runtime would print it on the driver's standard error too.
      return OrtEnvironment.getEnvironment(OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL, "frauddetection");
    } catch (RuntimeException | LinkageError error) {
      throw new IllegalStateException(
          "ONNX Runtime cannot be loaded: it needs 30 MB in java.io.tmpdir, and Linux on x86-64 or ARM, or macOS on ARM", error);
    }
  }

  private static OrtSession open(OrtEnvironment environment, byte[] onnx) throws OrtException {
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(1);
      options.setInterOpNumThreads(1);
      options.setExecutionMode(OrtSession.SessionOptions.ExecutionMode.SEQUENTIAL);
      options.setSessionLogLevel(OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL);
      // A model may keep weights in files beside it, which no hash covers: it shall find none.
      options.addConfigEntry("session.model_external_initializers_file_folder_path", "/dev/null");
      return environment.createSession(onnx, options);
    }
  }

  private static void close(OrtSession session) {
    try {
      session.close();
    } catch (OrtException error) {
      throw new IllegalStateException(error);
    }
  }

  private static String last(Set<String> names) {
    return names.stream().reduce((before, name) -> name).orElseThrow();
  }

  private static OnnxJavaType type(NodeInfo node, String what) {
    if (node.getInfo() instanceof TensorInfo tensor && (tensor.type == OnnxJavaType.FLOAT || tensor.type == OnnxJavaType.DOUBLE)) {
      return tensor.type;
    }
    throw new IllegalArgumentException(
        "the " + what + " '" + node.getName() + "' of its " + Manifest.ONNX + " is no tensor of floats or doubles");
  }

  private void checkInput() throws OrtException {
    if (session.getNumInputs() != 1) {
      throw new IllegalArgumentException("its " + Manifest.ONNX + " has " + session.getNumInputs() + " inputs, and must have one");
    }
    long[] shape = ((TensorInfo) session.getInputInfo().get(inputName).getInfo()).getShape();
    if (shape.length != 2 || shape[0] > 0 || shape[1] > 0 && shape[1] != width) {
      throw new IllegalArgumentException(
          "its " + Manifest.ONNX + " takes " + shapeOf(shape) + ", and must take any number of rows of " + width + " features");
    }
  }

  /** Returns the columns of the output, 0 where it is a list, found by running the model: its file need not say it. */
  private int probe() throws OrtException {
    ByteBuffer zeros = allocate(PROBES * width, inputType);
    try (OnnxTensor input = OnnxTensor.createTensor(environment, zeros, new long[] {PROBES, width}, inputType);
        OrtSession.Result result = session.run(Map.of(inputName, input), Set.of(outputName))) {
      long[] shape = ((OnnxTensor) result.get(0)).getInfo().getShape();
      int found = shape.length == 2 ? (int) shape[1] : 0;
      if (shape.length == 0 || shape.length > 2 || shape[0] != PROBES || shape.length == 2 && found != 1 && found != 2) {
        throw new IllegalArgumentException("the last output of its " + Manifest.ONNX + " is " + shapeOf(shape) + " for "
            + PROBES + " rows, and must be one score, or two of which the last counts, a row");
      }
      return found;
    }
  }

  private static String shapeOf(long[] shape) {
    StringBuilder text = new StringBuilder();
    for (long size : shape) {
      text.append(text.isEmpty() ? "[" : ", ").append(size < 0 ? "N" : Long.toString(size));
    }
    return text.isEmpty() ? "a single number" : text.append("]").toString();
  }

  private static int bytes(OnnxJavaType type) {
    return type == OnnxJavaType.DOUBLE ? Double.BYTES : Float.BYTES;
  }

  private static ByteBuffer allocate(int count, OnnxJavaType type) {
    return ByteBuffer.allocateDirect(count * bytes(type)).order(ByteOrder.nativeOrder());
  }

  /** Rows and their results, in memory that Java and ONNX Runtime share. It knows no model: a thread that keeps one keeps none alive. */
  static final class Batch {
    private final int width;
    private final int columns;
    private final boolean doublesIn;
    private final boolean doublesOut;
    private final ByteBuffer in;
    private final ByteBuffer out;
    private final Map<String, OnnxTensor> inputs;
    private final Map<String, OnnxTensor> outputs;

    private Batch(OnnxModel model, int rows) {
      width = model.width;
      columns = Math.max(1, model.columns);
      doublesIn = model.inputType == OnnxJavaType.DOUBLE;
      doublesOut = model.outputType == OnnxJavaType.DOUBLE;
      in = allocate(rows * width, model.inputType);
      out = allocate(rows * columns, model.outputType);
      long[] shape = model.columns == 0 ? new long[] {rows} : new long[] {rows, columns};
      try {
        OnnxTensor input = OnnxTensor.createTensor(model.environment, in, new long[] {rows, width}, model.inputType);
        OnnxTensor output = OnnxTensor.createTensor(model.environment, out, shape, model.outputType);
        inputs = Map.of(model.inputName, input);
        outputs = Map.of(model.outputName, output);
        CLEANER.register(this, () -> {
          input.close();
          output.close();
        });
      } catch (OrtException error) {
        throw new IllegalStateException("ONNX Runtime failed: " + error.getMessage(), error);
      }
    }

    /** Sets a row: the model's inputs in order, NaN where a feature is absent. */
    void put(int row, double[] values) {
      int from = row * width;
      for (int i = 0; i < width; i++) {
        if (doublesIn) {
          in.putDouble((from + i) * Double.BYTES, values[i]);
        } else {
          in.putFloat((from + i) * Float.BYTES, (float) values[i]);
        }
      }
    }

    /** Returns what the last run gave for a row. */
    double result(int row) {
      int at = row * columns + columns - 1;
      return doublesOut ? out.getDouble(at * Double.BYTES) : out.getFloat(at * Float.BYTES);
    }
  }
}
