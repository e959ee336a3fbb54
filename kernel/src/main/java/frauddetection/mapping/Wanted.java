package frauddetection.mapping;

import frauddetection.catalyst.Calls;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.catalyst.analysis.UnresolvedAttribute;
import org.apache.spark.sql.catalyst.expressions.Alias;
import org.apache.spark.sql.catalyst.expressions.AttributeReference;
import org.apache.spark.sql.catalyst.expressions.Cast;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.GetArrayItem;
import org.apache.spark.sql.catalyst.expressions.Literal;
import org.apache.spark.sql.catalyst.expressions.variant.VariantGet;
import org.apache.spark.sql.classic.ExpressionUtils;
import org.apache.spark.sql.types.DataTypes;
import scala.Function1;
import scala.runtime.AbstractPartialFunction;

/**
 * What the settings want of a record's body: texts at paths, and, only where an expression takes more than that, all of it as VARIANT. To
 * make a VARIANT of a value and to look a part of it up costs several times what reading the texts of its paths does (docs/adr/0023).
 */
public final class Wanted {
  private static final String BODY = "body";
  private static final String TEXTS = "texts";

  private final Paths paths = new Paths();
  private boolean body;

  /**
   * Returns the column of the text at a path.
   *
   * @throws IllegalArgumentException it is none
   */
  public Column text(String path) {
    return ExpressionUtils.column(textAt(path));
  }

  /** Returns null of a path, else what is wrong with it, in words. */
  public static String refusal(String path) {
    try {
      Path.parse(path);
      return null;
    } catch (IllegalArgumentException none) {
      return none.getMessage();
    }
  }

  /** Returns the column of an analyzed expression, a VARIANT as text, with the texts at paths in place of a look into the body. */
  public Column expression(Expression analyzed) {
    Expression expression = analyzed instanceof Alias alias ? alias.child() : analyzed;
    return ExpressionUtils.column(expressionOf(expression).transformDown(new InPlace()));
  }

  private static Expression expressionOf(Expression expression) {
    return expression.dataType().equals(DataTypes.VariantType) ? Calls.cast(expression, DataTypes.StringType) : expression;
  }

  Paths paths() {
    return paths;
  }

  boolean isBodyWanted() {
    return body;
  }

  private Expression textAt(String path) {
    Expression texts = UnresolvedAttribute.quoted(TEXTS);
    return new GetArrayItem(texts, Literal.create(paths.number(path), DataTypes.IntegerType), false);
  }

  /** Returns the path whose text the expression is, null where it is another. */
  private static String path(Expression expression) {
    boolean isCast = expression instanceof Cast cast && cast.dataType().equals(DataTypes.StringType);
    Expression part = isCast ? ((Cast) expression).child() : expression;
    boolean isPart =
        part instanceof VariantGet get
            && get.targetType().equals(isCast ? DataTypes.VariantType : DataTypes.StringType)
            && get.child() instanceof AttributeReference source
            && source.name().equals(BODY)
            && get.path() instanceof Literal;
    String path = isPart ? String.valueOf(((Literal) ((VariantGet) part).path()).value()) : null;
    return path == null || refusal(path) != null ? null : path;
  }

  /** Columns by name: what is analyzed with one DataFrame is computed with another. */
  private final class InPlace extends AbstractPartialFunction<Expression, Expression> {
    @Override
    public boolean isDefinedAt(Expression expression) {
      return expression instanceof AttributeReference || path(expression) != null;
    }

    @Override
    @SuppressWarnings("unchecked")
    public <A extends Expression, B> B applyOrElse(A expression, Function1<A, B> otherwise) {
      if (!isDefinedAt(expression)) {
        return otherwise.apply(expression);
      }
      if (expression instanceof AttributeReference column) {
        body |= column.name().equals(BODY);
        return (B) UnresolvedAttribute.quoted(column.name());
      }
      return (B) textAt(path(expression));
    }
  }
}
