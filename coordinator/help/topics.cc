#include "coordinator/help/topics.h"

#include <algorithm>

namespace driftwood::coordinator {

namespace {

constexpr std::string_view kExamples = R"(Two files:
    driftwood orders.csv export.csv --key id

A table and its export, with names for the report:
    driftwood 'sqlite:shop.db?table=orders' orders.csv --name shop --name file

Two database servers, one table:
    driftwood 'postgresql://auditor@db1/shop?table=orders' \
              'mysql://auditor@db2/shop?table=orders'

All tables of two databases:
    driftwood --all 'postgresql://auditor@db1/shop' 'mysql://auditor@db2/shop'

What would be compared, and as what; nothing is:
    driftwood orders.csv export.csv --key id --explain

A report for a program:
    driftwood orders.csv export.csv --key id --format json --output report.json
)";

constexpr std::string_view kUrls = R"(Each copy of the data is named by a URL:

    csv:PATH?key=a,b          also tsv:, jsonl: (driftwood help csv)
    log:PATH?key=a&op=op      a log of events, folded (driftwood help log)
    sqlite:PATH?table=T       (driftwood help sqlite)
    lmdb:PATH?db=NAME         without ?db= the unnamed database
    postgresql://USER@HOST:PORT/DB?table=schema.name   (… help postgresql)
    mysql://USER@HOST:PORT/DB?table=T                  (… help mysql)
    exec:PROGRAM?key=a,b      what a program writes (driftwood help exec)
    http:FILE.toml            a JSON API that the file describes (… help http)
    agent:HOST:PORT/DATASET   a running agent (driftwood help agents)
    agent:unix:PATH/DATASET   (of a whole database that it serves: …/DB?table=T)

postgres:// is postgresql://, and mariadb:// is mysql://. Quote a URL in the
shell: it has ? and &.

A file may be named without its kind, where its name or its first bytes say it:
.csv, .tsv, .jsonl, .ndjson, .json, these with .gz or .zst behind them, .db,
.sqlite, .sqlite3, and any file that begins as SQLite databases do:

    driftwood orders.csv 'orders.db?table=orders'

What begins with a kind that there is, such as csv:, is a URL. Anything else
that is the name of a file is that file, also with ? and : in it. What could be
both is refused. In a URL, %3F is a question mark, %25 a percent sign.

Every store's URL may have, with & between them:

    rename=column=name,…      another name for a column
    zone=column=UTC+2,…       the zone of timestamps without zone
)";

constexpr std::string_view kCsv =
    R"(Text files: csv:PATH, tsv:PATH (tabs), jsonl:PATH (JSON Lines, or one JSON
array). csv:- is stdin, csv:<(command) a pipe of bash. gzip and zstd archives
are unpacked, whatever their names.

    key=a,b                   columns that identify a row, as --key
    header=no&columns=a,b,c   a file without a line of names; header=skip: with
                              one, in whose place these count
    delimiter=;               also tab, | and others (else it is found, below)
    null=NULL                 what stands for NULL (else an unquoted empty
                              field); null=none: nothing does
    dialect=copy              PostgreSQL's COPY: tabs, backslashes, \N
    dialect=mysql             mysql --batch, INTO OUTFILE
    quote=X  escape=X         another quote or escape character, or none
    encoding=windows-1252     also latin1, utf-16
    decimal=,                 numbers with a decimal comma
    thousands=,               1,234.5; also ., space and apostrophe
    true=yes,y&false=no,n     the words of booleans

jsonl: has key=, columns= and encoding=.

A file that comes each day (log: too), with {date} where the day stands in its
path, or {date:YYYYMMDD}, {date:DD.MM.YY} and the like:

    date=latest               the newest that is there; or today, yesterday, or
                              a day as 2026-11-28. One that is not there is an
                              error, as is the file before it under a new name
    same-as-before=allow      also with the same bytes as the file before it

    driftwood 'in/orders-{date}.csv.gz?date=latest' 'shop.db?table=orders'

Found in the file where its URL does not say it: the delimiter, which is the one
of comma, semicolon, tab and | that the header has, or that of a line sep=;
before it; the line ends; gzip and zstd; UTF-16 with a byte order mark. Of keys
in files alone also whether they are integers. What else would make rows equal,
such as null=, decimal=, thousands=, true=, false= or encoding=, is named below
the report.

    driftwood 'csv:orders.csv?key=id&delimiter=,' 'export.csv?key=id'
    driftwood 'csv:-?key=id' orders.csv < export.csv

A CSV file has no types. Another copy that has them decides, or --types does
(driftwood help types).
)";

constexpr std::string_view kLog =
    R"(log:PATH?key=a,b&op=NAME is a log of events as JSON Lines. Of each key its last
event counts, in the order of the file: what the log says is there now.

    key=a,b                   by which columns an event knows its record
    op=NAME                   the member that says what the event does; it is no
                              column. Without op= each event holds a record
    upserts=a,b  deletes=a,b  its words, in place of the usual ones, which are
                              known in any letter case: upsert insert create
                              update replace modify put set c i u r, and delete
                              remove d
    absent=null               a member that an event leaves out is NULL (else an
                              error where the record before has it)
    columns=, encoding=       as of jsonl: (driftwood help csv)

An event holds the whole record, but for a deletion, which needs only the key.
What else it has, such as its time, is left out by --ignore at,seq.

    driftwood 'log:orders.events.jsonl?key=id&op=op' \
              'postgresql://auditor@db1/shop?table=orders' --ignore at
)";

constexpr std::string_view kExec =
    R"(exec:PROGRAM?key=a,b is what a program of yours writes. No shell runs it:

    PROGRAM scan              writes all records, as JSON Lines or CSV
    PROGRAM lookup            reads keys, one JSON object a line, and writes for
                              each the record, {"driftwood": "gone"} or
                              {"driftwood": "unknown", "why": "…"}

What it doesn't know it says with exit status 64. A first line {"driftwood": 1}
promises a last one {"end": N} with the number of records: without it the output
is cut off, and an error. {"driftwood": 1, "snapshot": true} promises that all
of it is of one moment too.

    args=A,B                  arguments before scan or lookup
    env=TOKEN,HOME            variables that it gets, beside PATH and LANG
    timeout=10min             of one run (else an hour)
    memory=500M               of each of its processes (else 4G)
    delimiter=, null=, …      how its CSV is read (driftwood help csv)

    driftwood orders.csv exec:./provider.py --key id
)";

constexpr std::string_view kHttp =
    R"(http:FILE.toml is a system with a JSON API. The file describes it:

    base = "https://api.example.com/v1"
    key  = ["id"]

    [headers]
    Authorization = { env = "API_TOKEN", before = "Bearer " }

    [list]
    path    = "/users"
    records = "/data"                  # where a page has its list
    cursor  = { at = "/next", parameter = "after" }
              # or: next = "/links/next", link = true, page = "page",
              # offset = "offset", or nothing: there is one page

    [columns]                          # else each member is one
    id    = "/id"
    state = "/status/name"

    [lookup]                           # asks for single records
    path = "/users/{id}"

The list is no consistent snapshot: an option allows that by
the replica's name. All of it is in docs/http.md.

    driftwood 'postgresql://auditor@db1/shop?table=users' http:users.toml
)";

constexpr std::string_view kPostgresql =
    R"(postgresql://USER@HOST:PORT/DB?table=schema.name, or postgres://…

    table=orders              a table or view; schema.name outside of public
    where=SQL                 rows that match only; %3D is =, %26 is &
    deleted=SQL, moved=SQL    rows that count as deleted, or as moved: they
                              are not compared, and the report names them
    key=a,b                   columns that identify a row, if there is no
                              primary key
    connections=N             of this scan, 1 to 64
    host=/run/postgresql      a unix socket: postgresql://USER@/DB?host=…
    sslmode=…, service=…      and all other parameters of libpq

The password: PGPASSWORD, ~/.pgpass (mode 0600, else libpq warns and passes
over it), a service file, or USER:PASSWORD@ in the URL, which no report shows.

Enough are CONNECT on the database, USAGE on the schema and SELECT on the table.

    driftwood 'postgresql://auditor@db1/shop?table=orders' orders.csv
    driftwood --all 'postgresql://auditor@db1/shop' \
              'postgresql://auditor@db2/shop'
)";

constexpr std::string_view kMysql = R"(mysql://USER@HOST:PORT/DB?table=T, or mariadb://…

    table=orders              a table or view
    where=SQL                 rows that match only; %3D is =, %26 is &
    deleted=SQL, moved=SQL    rows that count as deleted, or as moved: they
                              are not compared, and the report names them
    key=a,b                   columns that identify a row, if there is no
                              primary key
    connections=N             of this scan; for one snapshot only MariaDB has
                              more than one
    statement_timeout=30s     after which the server ends a statement
    socket=PATH               a unix socket: mysql://USER@localhost/DB?socket=…
    ssl=required              also ssl=verify, with ssl_ca=FILE

The password: MYSQL_PWD, an option file (groups [client] and [driftwood]), or
USER:PASSWORD@ in the URL, which no report shows.

Enough is SELECT on the table. MariaDB and MySQL show only tables on which
their user has some privilege: for --all, let it read the whole database.

    driftwood 'mysql://auditor@db2/shop?table=orders' orders.csv
    driftwood --all 'mysql://auditor@db1/shop' 'mysql://auditor@db2/shop'
)";

constexpr std::string_view kSqlite = R"(sqlite:PATH?table=T, or PATH?table=T where the file is one

    table=orders              a table or view
    key=a,b                   columns that identify a row, if there is no
                              primary key

    driftwood 'shop.db?table=orders' 'sqlite:copy.db?table=orders'
    driftwood --all shop.db copy.db

A database is read in one snapshot, and nothing is written to it or beside it.
)";

constexpr std::string_view kTypes =
    R"(--types COLUMN=TYPE,… says how a column is read, in all copies alike:

    bool  integer  decimal  float32  float64  text  bytes  date  time  timestamp
    timestamptz  uuid  json  bits  interval  list  list:TYPE  set  dynamic

Other names: int, bigint, smallint and tinyint (integer), string and varchar
(text), boolean, numeric, double, datetime (timestamp), blob and bytea (bytes),
jsonb. float, real and number mean one thing here and another
there: say float32, float64, integer or decimal.

A colon says how text is read:

    t=timestamp:unix          seconds since 1970; unix_ms: milliseconds
    d=date:%d.%m.%Y           a format; a comma in it is %2C

    driftwood orders.csv export.csv --key id --types id=int,total=decimal

Without it the copies that have types decide, if they agree; files of text
alone are compared as text. --explain shows what each column is compared as.
)";

constexpr std::string_view kRules =
    R"(--rule COLUMN:RULE,… leaves something out of account, in all copies alike:

    casefold                  letter case
    nfc                       how Unicode composes characters
    trim, rtrim               spaces at both ends, or at the end
    empty=null                an empty text is NULL
    float=32                  the nearest single
    float=N                   N significant digits, 1 to 17
    round=N                   N digits behind the point, 0 to 100
    precision=s               what is finer than s, ms or us
    json=number-as-double     numbers in JSON as the nearest double
    ignore                    the column, as --ignore

    driftwood orders.csv export.csv --key id --types total=decimal \
              --rule total:round=2,name:rtrim

Nothing is rounded, trimmed or folded unasked, and the rules stand beside the
verdict. After a comparison the report names rules that would make records
equal.
)";

constexpr std::string_view kOutput =
    R"(The report goes to stdout; warnings, errors and progress go to stderr.

    --format table            for people: the verdict is in the first line
    --format json             one document (docs/report.schema.json)
    --format jsonl            a line for each difference; the verdict is in the
                              last one
    --format csv              a row for each difference; the verdict is on
                              stderr, or in FILE.verdict
    --verdict-row             csv: the verdict is in the last row
    --format csv-raw          csv with cells as they are
    --format html             as table, as a page
    --output FILE             to a file, whole or not at all
    --keys-out DIR            the keys of what differs, by kind and side
    --progress lines          a line a minute on stderr; also terminal and off
    --stats, --quiet          more and less on stderr

    driftwood orders.csv export.csv --key id --format jsonl

In jsonl and csv, output without a verdict is cut off. `driftwood … | head`
ends quietly, with the exit code of its verdict.
)";

constexpr std::string_view kExitCodes = R"(    0    IDENTICAL: proven over the whole key space
    1    DIVERGENT: the list of what differs is complete
    2    an error: the command, the configuration or the data must change, or
         the report could not be written
    3    INCOMPLETE: something failed or ended early after scanning began
    4    a plan: --explain compared nothing
    130  interrupted (Ctrl-C, SIGTERM, SIGHUP)

Only 0 means that the copies are the same, and 0 means nothing else:

    driftwood orders.csv export.csv --key id --quiet && echo same
)";

constexpr std::string_view kAgents =
    R"(driftwood starts a driftwood-agent for each store by itself. To leave one beside
its store and compare from elsewhere, start it there, with the same digest key
on all sides:

    (umask 077; head -c 32 /dev/urandom > digest.key)
    driftwood-agent --listen unix:/run/driftwood/agent.sock \
                    --dataset 'orders=sqlite:/srv/shop.db?table=orders' \
                    --state-dir /var/lib/driftwood --digest-key-file digest.key

and compare it with another agent, or with a store under the same key:

    driftwood agent:unix:/run/driftwood/agent.sock/orders \
              orders.csv --digest-key-file digest.key

All tables of a database, which it lists as they are at that moment:

    driftwood-agent --listen unix:/run/driftwood/agent.sock \
                    --database shop=sqlite:/srv/shop.db …
    driftwood --all agent:unix:/run/driftwood/agent.sock/shop sqlite:copy.db \
              --digest-key-file digest.key

agent:unix:/run/driftwood/agent.sock/shop?table=orders is one of them.

ssh -L /tmp/other.sock:/run/driftwood/agent.sock db2 brings a socket from
another machine. A port is for who shows a token:

    driftwood-agent --listen 127.0.0.1:7400 --token-file agent.token …
    agent:127.0.0.1:7400/orders?token_file=agent.token

Values leave an agent only with --allow-values. driftwood-agent --help and
docs/agent.md have the rest.
)";

}  // namespace

const std::vector<Topic>& Topics() {
  static const std::vector<Topic> topics = {
      {"examples", "Six commands to begin with", kExamples},
      {"urls", "How copies of the data are named", kUrls},
      {"csv", "CSV, TSV and JSON Lines files", kCsv},
      {"postgresql", "PostgreSQL: parameters, password, privileges", kPostgresql},
      {"mysql", "MariaDB and MySQL: the same", kMysql},
      {"sqlite", "SQLite databases", kSqlite},
      {"log", "A log of events as a source", kLog},
      {"exec", "A program of yours as a source", kExec},
      {"http", "A system with a JSON API as a source", kHttp},
      {"types", "--types: how columns are read", kTypes},
      {"rules", "--rule: what is left out of account", kRules},
      {"output", "Reports, files, progress", kOutput},
      {"exit-codes", "What the exit code says", kExitCodes},
      {"agents", "Agents that run on their own", kAgents},
  };
  return topics;
}

const Topic* FindTopic(std::string_view name) {
  const auto found = std::find_if(Topics().begin(), Topics().end(),
                                  [&](const Topic& topic) { return topic.name == name; });
  return found == Topics().end() ? nullptr : &*found;
}

std::vector<std::string> TopicNames() {
  std::vector<std::string> names;
  for (const Topic& topic : Topics()) names.push_back(topic.name);
  return names;
}

}  // namespace driftwood::coordinator
