package frauddetection.catalyst;

import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.catalyst.expressions.Cast;
import org.apache.spark.sql.catalyst.expressions.EvalMode;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.Literal;
import org.apache.spark.sql.catalyst.expressions.TryEval;
import org.apache.spark.sql.catalyst.expressions.objects.Invoke;
import org.apache.spark.sql.classic.ExpressionUtils;
import org.apache.spark.sql.types.AbstractDataType;
import org.apache.spark.sql.types.DataType;
import scala.Option;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/** Columns that call a Java object, with values as Spark has them in memory: a UDF would make a Java object of each and back again. */
public final class Calls {
  private Calls() {}

  /** Returns a column of what {@code method} of the serializable {@code target} returns; nulls are handed to it too. */
  public static Column column(Object target, String method, DataType type, List<Column> arguments) {
    return column(target, method, type, arguments, true);
  }

  /** The same for a method that may return something else the next time: Spark calls it once a row, where it stands in the plan. */
  public static Column nondeterministic(Object target, String method, DataType type, List<Column> arguments) {
    return column(target, method, type, arguments, false);
  }

  private static Column column(Object target, String method, DataType type, List<Column> arguments, boolean deterministic) {
    List<Expression> expressions = arguments.stream().map(ExpressionUtils::expression).toList();
    return ExpressionUtils.column(invoke(target, method, type, expressions, false, deterministic));
  }

  /** The same as an expression, null wherever an argument is null. */
  public static Expression ofValues(Object target, String method, DataType type, List<Expression> arguments) {
    return invoke(target, method, type, arguments, true, true);
  }

  /** Returns a column of what {@code value} gives, null where it throws. */
  public static Column attempt(Column value) {
    return ExpressionUtils.column(new TryEval(ExpressionUtils.expression(value)));
  }

  /** Returns the value as the language of settings casts it: null where it cannot be. */
  public static Expression cast(Expression value, DataType type) {
    return new Cast(value, type, Option.empty(), EvalMode.LEGACY());
  }

  private static Expression invoke(
      Object target, String method, DataType type, List<Expression> arguments, boolean nullOfNull, boolean deterministic) {
    Seq<AbstractDataType> unchecked = seq(List.of());
    return new Invoke(Literal.fromObject(target), method, type, seq(arguments), unchecked, nullOfNull, true, deterministic);
  }

  /** Returns the elements as Scala has them. */
  public static <E> Seq<E> seq(List<E> elements) {
    return CollectionConverters.asScala(elements).toSeq();
  }
}
