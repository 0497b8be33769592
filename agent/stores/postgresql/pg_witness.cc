// A snapshot fixes the rows, not what they are rows of: each statement resolves names, partitions,
// children and the labels of enums anew, as they are when it is planned. A schema that is swapped
// by two renames, a partition that is attached, a label that is renamed while a scan goes from
// range to range would give old rows and new ones, a state that never was, and takes no lock that
// ours conflicts with. There is no SQL that reads a table by its OID. So the scan reads by name,
// and proves afterwards that the names meant the same all the time:
//
// - Planning locks each relation that a statement reads, until the transaction ends. So pg_locks,
//   after the last statement of a transaction, names all that it has read. It must be what was
//   locked when the scan began.
// - The lock keeps off what rewrites a table (TRUNCATE, most ALTERs). Those that came between the
//   snapshot and the lock gave the table another file than the snapshot's pg_class has.
// - What no lock keeps as it is, is compared: as the snapshot has it, and as a new snapshot has it
//   after the last range was planned. By xmin, since what is changed there and back has another.
//   Where a lock does protect, or a change does not matter (GRANT), the meaning is compared, so
//   that no scan ends for it.
//
// A table that was locked by its name before the snapshot, and that is read without its children
// and a condition, is all that planning would lock, but for what functions read that planning
// calls. So one that has none need not be planned before, nor be asked what is locked then. If
// something else had its name when it was locked, that lock shows in the end.
//
// DML, VACUUM, ANALYZE and CREATE INDEX change nothing of it.
#include "agent/stores/postgresql/pg_witness.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "agent/source/messages.h"
#include "agent/stores/postgresql/pg_table.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

// Below are the server's own objects (FirstNormalObjectId).
constexpr char kFirstOid[] = "16384";

// An index that was made since the snapshot is locked too, and the snapshot does not know its kind;
// pg_index_has_property() looks at the catalogue as it is now.
constexpr std::string_view kRelations =
    "SELECT pg_catalog.string_agg(l.oid::pg_catalog.text || ':' || "
    "coalesce(c.relfilenode::pg_catalog.text, ''), ' ') "
    "FILTER (WHERE l.oid >= @FIRST::pg_catalog.oid), "
    "pg_catalog.count(*) FILTER (WHERE c.oid IS NULL OR (c.relkind IN ('r', 'm') "
    "AND c.relfilenode <> 0 "
    "AND c.relfilenode IS DISTINCT FROM pg_catalog.pg_relation_filenode(c.oid))) "
    "FROM (SELECT DISTINCT relation AS oid FROM pg_catalog.pg_locks "
    "WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation' AND database <> 0) l "
    "LEFT JOIN pg_catalog.pg_class c ON c.oid = l.oid "
    "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') OR (c.oid IS NULL "
    "AND pg_catalog.pg_index_has_property(l.oid::pg_catalog.regclass, 'clusterable') IS NULL)";

// `rows` give the text `item`; all of them in one digest.
std::string Digest(const std::string& item, const std::string& rows) {
  return "pg_catalog.encode(pg_catalog.sha256(pg_catalog.textsend(coalesce((SELECT "
         "pg_catalog.string_agg(s.item, ' ' ORDER BY s.item) FROM (SELECT " +
         item + " AS item FROM " + rows + ") s), ''))), 'hex')";
}

std::string Joined(std::initializer_list<std::string_view> fields) {
  std::string out = "pg_catalog.concat_ws(':'";
  for (const std::string_view field : fields) out += ", " + std::string(field);
  return out + ")";
}

// The parameter of the SQL below: the OIDs of the relations.
std::string Oids(const PgRelations& relations) {
  std::string oids;
  for (const std::string& relation : relations) {
    oids += (oids.empty() ? "{" : ",") + relation.substr(0, relation.find(':'));
  }
  return oids.empty() ? "{}" : oids + "}";
}
constexpr char kOids[] = "ANY ($1::pg_catalog.oid[])";
// The types of their columns. An array, so that no plan begins with all types that there are.
std::string ColumnTypes() {
  std::string types =
      "ANY (ARRAY(SELECT DISTINCT a.atttypid FROM pg_catalog.pg_attribute a WHERE a.attrelid = ";
  types += kOids;
  types += " AND a.attnum > 0 AND NOT a.attisdropped))";
  return types;
}

std::string ViewsSql() {
  const std::string oids = kOids;
  return Digest("v.item",
                "(SELECT " + Joined({"'r'", "w.oid", "w.xmin"}) +
                    " AS item FROM pg_catalog.pg_rewrite w WHERE w.ev_class = " + oids +
                    " UNION ALL SELECT " + Joined({"'f'", "f.oid", "f.xmin"}) +
                    " FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_depend d ON d.refobjid = f.oid "
                    "AND d.refclassid = 1255 AND d.classid = 2618 JOIN pg_catalog.pg_rewrite w "
                    "ON w.oid = d.objid WHERE w.ev_class = " +
                    oids + ") v");
}

// All but what types are made of; and whether they are made of any other.
std::string WitnessSql(bool with_views) {
  const std::string oids = kOids;
  const std::string types = ColumnTypes();
  return "SELECT " +
         Digest(Joined({"c.oid", "c.relkind", "c.relfilenode", "c.relnamespace", "c.relname",
                        "n.nspname", "n.xmin"}),
                "pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
                "WHERE c.oid = " +
                    oids) +
         ", " +
         Digest(Joined({"a.attrelid", "a.attnum", "a.attname", "a.atttypid", "a.atttypmod",
                        "a.attisdropped"}),
                "pg_catalog.pg_attribute a WHERE a.attnum > 0 AND a.attrelid = " + oids) +
         ", " +
         Digest(Joined({"h.inhrelid", "h.inhparent", "h.xmin"}),
                "pg_catalog.pg_inherits h WHERE h.inhparent = " + oids) +
         ", " +
         Digest("u.item", "(SELECT " + Joined({"'t'", "t.oid", "t.xmin"}) +
                              " AS item FROM pg_catalog.pg_type t WHERE t.oid = " + types +
                              " UNION ALL SELECT " + Joined({"'c'", "k.oid", "k.xmin"}) +
                              " FROM pg_catalog.pg_cast k WHERE k.castsource = " + types + ") u") +
         ", " + (with_views ? ViewsSql() : "''") +
         ", (SELECT pg_catalog.bool_or(t.oid >= " + kFirstOid +
         "::pg_catalog.oid OR t.typtype <> 'b' OR t.typcategory = 'A') "
         "FROM pg_catalog.pg_type t WHERE t.oid = " +
         types + ")";
}

// Of all that the types are made of.
std::string TypesSql(const PgConnection& connection) {
  return "WITH RECURSIVE used(oid) AS (SELECT t.oid FROM pg_catalog.pg_type t WHERE t.oid = " +
         ColumnTypes() + " UNION SELECT p.part FROM used CROSS JOIN " +
         PgTypeParts(connection, "used.oid") + " WHERE p.part <> 0) SELECT " +
         Digest("u.item",
                "(SELECT " + Joined({"'t'", "t.oid", "t.xmin"}) +
                    " AS item FROM pg_catalog.pg_type t JOIN used ON used.oid = t.oid UNION ALL "
                    "SELECT " +
                    Joined({"'a'", "t.oid", "a.attnum", "a.attname", "a.xmin"}) +
                    " FROM pg_catalog.pg_type t JOIN used ON used.oid = t.oid "
                    "JOIN pg_catalog.pg_attribute a ON a.attrelid = t.typrelid AND t.typtype = 'c' "
                    "WHERE a.attnum > 0 UNION ALL SELECT " +
                    Joined({"'e'", "e.oid", "e.xmin"}) +
                    " FROM pg_catalog.pg_enum e JOIN used ON used.oid = e.enumtypid UNION ALL "
                    "SELECT " +
                    Joined({"'c'", "k.oid", "k.xmin"}) +
                    " FROM pg_catalog.pg_cast k JOIN used ON used.oid = k.castsource) u");
}

}  // namespace

std::string PgRelation(uint32_t oid, const std::string& file) {
  return std::to_string(oid) + ":" + file;
}

absl::StatusOr<PgRelations> ReadPgRelations(PgAsk ask, const std::string& display) {
  std::string sql(kRelations);
  sql.replace(sql.find("@FIRST"), 6, kFirstOid);
  ASSIGN_OR_RETURN(const PgResult result, ask(sql, {}));
  if (result.rows() != 1) return absl::InternalError("PostgreSQL does not say what is locked");
  ASSIGN_OR_RETURN(const int64_t moved, result.Int(0, 1));
  if (moved != 0) {
    return absl::AbortedError(Printable(display) +
                              " was truncated, rewritten or replaced just now; try again");
  }
  PgRelations relations;
  const std::string text = result.Text(0, 0);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    relations.insert(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return relations;
}

absl::StatusOr<PgWitness> ReadPgWitness(PgAsk ask, const PgConnection& connection,
                                        const PgRelations& relations, bool with_views) {
  static const std::string& kWithViews = *new std::string(WitnessSql(true));
  static const std::string& kWithoutViews = *new std::string(WitnessSql(false));
  const std::string oids = Oids(relations);
  const absl::Status silent = absl::InternalError("PostgreSQL says nothing of its catalogue");
  ASSIGN_OR_RETURN(const PgResult row, ask(with_views ? kWithViews : kWithoutViews, {oids}));
  if (row.rows() != 1) return silent;
  PgWitness witness{row.Text(0, 0), row.Text(0, 1), row.Text(0, 2), row.Text(0, 3), row.Text(0, 4)};
  // To plan it takes longer than all the rest, and most tables have no such types. A column that
  // has one by then shows in `columns`.
  if (row.Bool(0, 5)) {
    ASSIGN_OR_RETURN(const PgResult parts, ask(TypesSql(connection), {oids}));
    if (parts.rows() != 1) return silent;
    witness.types += parts.Text(0, 0);
  }
  return witness;
}

absl::Status ComparePgWitnesses(const PgWitness& before, const PgWitness& after,
                                const std::string& display) {
  std::string what;
  const auto compare = [&what](const std::string& was, const std::string& is, const char* name) {
    if (was != is) what += std::string(what.empty() ? "" : ", ") + name;
  };
  compare(before.names, after.names, "its name, schema or file");
  compare(before.columns, after.columns, "its columns");
  compare(before.children, after.children, "its partitions or children");
  compare(before.types, after.types, "a type of its columns");
  compare(before.views, after.views, "a view or a function that it calls");
  if (what.empty()) return absl::OkStatus();
  return absl::AbortedError(Printable(display) + " changed while it was read (" + what +
                            "); try again");
}

}  // namespace driftwood::agent
