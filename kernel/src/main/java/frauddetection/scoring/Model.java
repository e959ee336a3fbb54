package frauddetection.scoring;

/** What turns a row of features into a number, more being more suspicious. Any number of threads may use it. */
interface Model {
  /** Returns what the model gives for one row, NaN where a feature is absent. */
  double score(double[] row);

  /** Returns what the model gives for each row. */
  double[] scores(double[][] rows);
}
