package frauddetection.mapping;

/** A value that is no record; the message is a reason code. Without a trace: hostile senders make many. */
final class Unreadable extends Exception {
  private static final long serialVersionUID = 1L;

  Unreadable(String reason) {
    super(reason, null, false, false);
  }
}
