#include "proto/contract/no_table.h"

#include <algorithm>
#include <array>

#include "merkle/text/names.h"
#include "merkle/text/percent.h"

namespace driftwood {
namespace {

using std::string_view_literals::operator""sv;  // NOLINT(misc-unused-using-decls): it is

constexpr char kUnpack[] = "unpack it, or pack it with gzip or zstd";
constexpr char kExport[] = "export its table as CSV";
constexpr char kRestore[] = "restore it, and compare the database";
constexpr char kNoRows[] = "name a file with rows, such as a CSV file";

struct Kind {
  std::string_view magic;
  std::string_view what;
  std::string_view advice;
};

constexpr std::array<Kind, 23> kKinds = {{
    {"\xFD\x37zXZ\0"sv, "an xz archive", kUnpack},
    {"7z\xBC\xAF\x27\x1C"sv, "a 7z archive", kUnpack},
    {"Rar!\x1A\x07"sv, "a rar archive", kUnpack},
    {"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"sv, "a file of an old Excel or other office program",
     "save its sheet as CSV"},
    {"PAR1\x15"sv, "a Parquet file", kExport},
    {"ARROW1\0\0"sv, "an Arrow file", kExport},
    {"Obj\x01"sv, "an Avro file", kExport},
    {"ORC\x08"sv, "an ORC file", kExport},
    {"\x89HDF\r\n\x1A\n"sv, "an HDF5 file", kExport},
    {"PGDMP\x01"sv, "an archive of pg_dump", kRestore},
    {"--\n-- PostgreSQL database "sv, "an SQL dump of PostgreSQL", kRestore},
    {"-- MySQL dump "sv, "an SQL dump of MySQL", kRestore},
    {"-- MariaDB dump "sv, "an SQL dump of MariaDB", kRestore},
    {"/*M!999999"sv, "an SQL dump of MariaDB", kRestore},
    {"PRAGMA foreign_keys=OFF;"sv, "an SQL dump of SQLite", kRestore},
    {"\x89PNG\r\n\x1A\n"sv, "a PNG image", kNoRows},
    {"\xFF\xD8\xFF"sv, "a JPEG image", kNoRows},
    {"GIF87a"sv, "a GIF image", kNoRows},
    {"GIF89a"sv, "a GIF image", kNoRows},
    {"%PDF-"sv, "a PDF document", kNoRows},
    {"\x7F"
     "ELF"sv,
     "a program", kNoRows},
    {"<!doctype html"sv, "an HTML page",
     "it may be a page that asks to log in: fetch the data anew"},
    {"<html"sv, "an HTML page", "it may be a page that asks to log in: fetch the data anew"},
}};

std::string Text(std::string_view what, std::string_view advice) {
  return std::string(what) + "; " + std::string(advice);
}

// What stands first in an archive of zip.
std::string OfZip(std::string_view head) {
  constexpr size_t kNameAt = 30;
  const std::string_view name = head.size() < kNameAt ? "" : head.substr(kNameAt);
  for (const std::string_view part : {"[Content_Types].xml", "_rels/", "docProps/", "xl/"}) {
    if (name.starts_with(part)) return Text("an Excel workbook (.xlsx)", "save its sheet as CSV");
  }
  if (name.starts_with("mimetypeapplication/vnd.oas")) {
    return Text("an OpenDocument file (.ods)", "save its sheet as CSV");
  }
  return Text("a zip archive, or a file of a program that uses zip", kUnpack);
}

}  // namespace

std::string WhyNoTable(std::string_view head, const std::string& path) {
  if (head.starts_with("PK\x03\x04")) return OfZip(head);
  if (head.starts_with("BZh") && head.size() >= 10 && head.substr(4, 6) == "1AY&SY") {
    return Text("a bzip2 archive", kUnpack);  // the fourth byte is the size of its blocks
  }
  if (head.starts_with("SQLite format 3\0"sv)) {
    return Text("an SQLite database", "compare one of its tables, as in 'sqlite:" +
                                          PercentEncode(path, "%?") + "?table=NAME'");
  }
  constexpr size_t kTarMagicAt = 257;
  if (head.size() > kTarMagicAt && head.substr(kTarMagicAt).starts_with("ustar")) {
    return Text("a tar archive", "unpack it");
  }
  const std::string begin = Lowercase(head);
  for (const Kind& kind : kKinds) {
    const bool is_text = kind.magic.front() == '<';
    if ((is_text ? std::string_view(begin) : head).starts_with(kind.magic)) {
      return Text(kind.what, kind.advice);
    }
  }
  return "";
}

}  // namespace driftwood
