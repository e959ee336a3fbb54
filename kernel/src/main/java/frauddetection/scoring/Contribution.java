package frauddetection.scoring;

/**
 * What a feature has to do with a score.
 *
 * @param value NaN where it is absent
 * @param usual NaN where it is usually absent
 * @param contribution by how much the model's output is nearer to fraud than with the usual value; negative: farther
 */
public record Contribution(String feature, double value, double usual, double contribution) {}
