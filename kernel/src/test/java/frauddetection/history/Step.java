package frauddetection.history;

/**
 * One thing that happens to a key.
 *
 * @param at of a label, when it became known
 * @param rank of a label, that of who said so
 */
record Step(What what, Oracle.Event event, long at, int rank) {
  enum What { TRANSACTION, LABEL, PROFILE, FORGET_PROFILE }

  /** Returns what a transaction sees, else null. */
  double[] in(KeyHistory history, Plan plan) {
    double[] out = what == What.TRANSACTION ? new double[plan.size()] : null;
    switch (what) {
      case TRANSACTION -> history.transaction(event.time(), event.id(), event.mask(), event.values(), event.nulls(), out);
      case LABEL -> history.label(event.time(), event.id(), at, rank, event.mask(), event.values(), event.nulls());
      case PROFILE -> history.profile(event.time(), event.values(), event.nulls());
      case FORGET_PROFILE -> history.forgetProfile();
    }
    return out;
  }

  /** Returns what a transaction sees, else null. */
  double[] in(Oracle oracle) {
    switch (what) {
      case TRANSACTION -> {
        return oracle.transaction(event);
      }
      case LABEL -> oracle.label(event, at, rank);
      case PROFILE -> oracle.profile(event);
      case FORGET_PROFILE -> oracle.forgetProfile();
    }
    return null;
  }
}
