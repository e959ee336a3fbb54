package frauddetection.mapping;

import java.util.Set;

/** A value that is no record; the message is a reason code. Without a trace: hostile senders make many. */
final class Unreadable extends Exception {
  private static final long serialVersionUID = 1L;
  private static final Set<String> OF_FORM = Set.of("invalid_utf8", "not_a_json_object");

  Unreadable(String reason) {
    super(reason, null, false, false);
  }

  /** Whether the value is of another form altogether. */
  boolean isOfForm() {
    return OF_FORM.contains(getMessage());
  }
}
