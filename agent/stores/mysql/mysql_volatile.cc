// The server has no word for what is volatile, and new functions come with each version. So those
// are listed whose value follows from their arguments (and from settings that each of our sessions
// makes), and every other name before a "(" moves.
#include "agent/stores/mysql/mysql_volatile.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "agent/stores/mysql/mysql_tokens.h"
#include "merkle/text/names.h"

namespace driftwood::agent {
namespace {

// clang-format off
// Reserved words, which no function without quotes has for a name.
constexpr std::string_view kKeywords[] = {
    "all", "and", "as", "between", "bigint", "binary", "by", "case", "char", "cross", "decimal",
    "distinct", "div", "double", "else", "except", "exists", "float", "from", "group", "having",
    "in", "inner", "int", "integer", "intersect", "interval", "is", "join", "key", "like", "mod",
    "not", "numeric", "on", "or", "order", "over", "partition", "range", "regexp", "rlike", "rows",
    "select", "smallint", "straight_join", "then", "tinyint", "union", "using", "values",
    "varbinary", "varchar", "when", "where", "with", "xor"};
constexpr std::string_view kStill[] = {
    "abs", "acos", "adddate", "addtime", "add_months", "aes_decrypt", "aes_encrypt", "any",
    "any_value", "ascii", "asin", "atan", "atan2", "avg", "bin", "bin_to_uuid", "bit_and",
    "bit_count", "bit_length", "bit_or", "bit_xor", "cast", "ceil", "ceiling", "character_length",
    "charset", "char_length", "chr", "coalesce", "coercibility", "collation", "column_check",
    "column_create", "column_exists", "column_get", "column_json", "column_list", "compress",
    "concat", "concat_operator_oracle", "concat_ws", "conv", "convert", "convert_tz", "cos", "cot",
    "count", "crc32", "crc32c", "cume_dist", "current_role", "current_user", "database", "date",
    "datediff", "date_add", "date_format", "date_sub", "day", "dayname", "dayofmonth", "dayofweek",
    "dayofyear", "decode", "decode_oracle", "degrees", "dense_rank", "des_decrypt", "elt", "encode",
    "exp", "export_set", "extract", "extractvalue", "field", "find_in_set", "first_value", "floor",
    "format", "from_base64", "from_days", "from_unixtime", "get_format", "greatest", "group_concat",
    "grouping", "hex", "hour", "if", "ifnull", "inet6_aton", "inet6_ntoa", "inet_aton", "inet_ntoa",
    "insert", "instr", "isnull", "is_ipv4", "is_ipv4_compat", "is_ipv4_mapped", "is_ipv6",
    "is_uuid", "json_array", "json_arrayagg", "json_array_append", "json_array_insert",
    "json_compact", "json_contains", "json_contains_path", "json_depth", "json_detailed",
    "json_equals", "json_exists", "json_extract", "json_insert", "json_keys", "json_length",
    "json_loose", "json_merge", "json_merge_patch", "json_merge_preserve", "json_normalize",
    "json_object", "json_objectagg", "json_overlaps", "json_pretty", "json_query", "json_quote",
    "json_remove", "json_replace", "json_search", "json_set", "json_table", "json_type",
    "json_unquote", "json_valid", "json_value", "lag", "last_day", "last_value", "lcase", "lead",
    "least", "left", "length", "lengthb", "ln", "locate", "log", "log10", "log2", "lower", "lpad",
    "lpad_oracle", "ltrim", "ltrim_oracle", "makedate", "maketime", "make_set", "max", "md5",
    "median", "microsecond", "mid", "min", "minute", "month", "monthname", "name_const",
    "natural_sort_key", "nth_value", "ntile", "nullif", "nvl", "nvl2", "oct", "octet_length",
    "old_password", "ord", "password", "percentile_cont", "percentile_disc", "percent_rank",
    "period_add", "period_diff", "pi", "point", "position", "pow", "power", "quarter", "quote",
    "radians", "rank", "regexp_instr", "regexp_like", "regexp_replace", "regexp_substr", "repeat",
    "replace", "replace_oracle", "reverse", "right", "round", "row", "row_number", "rpad",
    "rpad_oracle", "rtrim", "rtrim_oracle", "schema", "second", "sec_to_time", "sformat", "sha",
    "sha1", "sha2", "sign", "sin", "some", "soundex", "space", "sqrt", "std", "stddev",
    "stddev_pop", "stddev_samp", "strcmp", "str_to_date", "st_asbinary", "st_astext", "st_aswkb",
    "st_aswkt", "st_distance", "st_geomfromtext", "st_srid", "st_x", "st_y", "subdate", "substr",
    "substring", "substring_index", "substr_oracle", "subtime", "sum", "tan", "time", "timediff",
    "timestamp", "timestampadd", "timestampdiff", "time_format", "time_to_sec", "to_base64",
    "to_char", "to_days", "to_seconds", "trim", "trim_oracle", "truncate", "ucase", "uncompress",
    "uncompressed_length", "unhex", "unix_timestamp", "updatexml", "upper", "uuid_to_bin",
    "variance", "var_pop", "var_samp", "vec_fromtext", "vec_totext", "version", "week", "weekday",
    "weekofyear", "weight_string", "year", "yearweek"};
// When the statement began. They stand without "()" too.
constexpr std::string_view kClocks[] = {
    "curdate", "current_date", "current_time", "current_timestamp", "curtime", "localtime",
    "localtimestamp", "now", "utc_date", "utc_time", "utc_timestamp"};
// clang-format on

template <size_t kCount>
bool Among(std::string_view word, const std::string_view (&words)[kCount]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

// Whether `words[i]` may give another value; the words around it count too.
bool Moves(const std::vector<MysqlToken>& words, size_t i, bool clocks) {
  const MysqlToken& word = words[i];
  const std::string name = Lowercase(word.text);
  // Of a database's own, or a column.
  if (word.is_quoted || word.is_qualified) return word.is_called;
  const std::string before = i == 0 ? "" : Lowercase(words[i - 1].text);
  const bool is_sequence = name == "value" && (before == "next" || before == "previous");
  if (is_sequence || Among(name, kClocks)) return is_sequence || clocks;
  // "cast(x as datetime(6))"
  if (!word.is_called || Among(name, kKeywords) || before == "as") return false;
  if (name == "unix_timestamp" && !word.has_arguments) return clocks;
  return !Among(name, kStill);
}

bool IsName(const MysqlToken& token) { return token.kind == MysqlToken::Kind::kName; }

bool IsVariable(const MysqlToken& token) {
  return token.kind == MysqlToken::Kind::kSymbol && token.text == "@";
}

}  // namespace

MysqlNames MysqlNamesIn(std::string_view sql) {
  MysqlNames names;
  for (const MysqlToken& token : MysqlTokensIn(sql).tokens) {
    if (!IsName(token)) continue;
    const std::string lower = Lowercase(token.text);
    names.has_query = names.has_query || lower == "select" || lower == "table";
    names.all.insert(token.text);
    if (token.is_called) names.called.insert(lower);
  }
  return names;
}

std::string MysqlMovingFunctionIn(std::string_view sql, bool clocks) {
  const MysqlTokens found = MysqlTokensIn(sql);
  if (!found.is_readable) return "what can't be read";
  if (std::any_of(found.tokens.begin(), found.tokens.end(), IsVariable)) return "a variable";
  std::vector<MysqlToken> words;
  std::copy_if(found.tokens.begin(), found.tokens.end(), std::back_inserter(words), IsName);
  for (size_t i = 0; i < words.size(); ++i) {
    if (Moves(words, i, clocks)) return Lowercase(words[i].text) + "()";
  }
  return "";
}

}  // namespace driftwood::agent
