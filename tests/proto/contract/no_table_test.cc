#include "proto/contract/no_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace driftwood {
namespace {

using std::string_view_literals::operator""sv;
using ::testing::HasSubstr;

TEST(NoTableTest, WhatIsNoTableIsNamedWithWhatToDo) {
  const std::string local_header(26, 'x');
  const std::pair<std::string, const char*> kinds[] = {
      {"\x89PNG\r\n\x1A\n....", "a PNG image; name a file with rows"},
      {"PK\x03\x04" + local_header + "[Content_Types].xml",
       "an Excel workbook (.xlsx); save its sheet"},
      {"PK\x03\x04" + local_header + "mimetypeapplication/vnd.oasis.open", "an OpenDocument file"},
      {"PK\x03\x04" + local_header + "orders.csv", "a zip archive"},
      {"PK\x03\x04", "a zip archive"},
      {"%PDF-1.7", "a PDF document"},
      {std::string("\x7F") + "ELF\x02", "a program"},
      {"PAR1\x15\x04", "a Parquet file; export its table as CSV"},
      {std::string("SQLite format 3\0"sv), "'sqlite:a%3Fb.db?table=NAME'"},
      {"PGDMP\x01", "restore it"},
      {"<!DOCTYPE html><html>", "an HTML page"},
      {std::string("\xFD\x37zXZ\0\0"sv), "an xz archive; unpack it"},
      {"orders.csv" + std::string(247, '\0') + "ustar  ", "a tar archive; unpack it"},
      {"--\n-- PostgreSQL database dump\n--\n", "an SQL dump of PostgreSQL; restore it"},
      {"-- MySQL dump 10.13  Distrib", "an SQL dump of MySQL"},
      {"/*M!999999\\- enable the sandbox mode */", "an SQL dump of MariaDB"},
      {"PRAGMA foreign_keys=OFF;\nBEGIN", "an SQL dump of SQLite"},
      {"BZh91AY&SY", "a bzip2 archive; unpack it"}};
  for (const auto& [head, text] : kinds) {
    EXPECT_THAT(WhyNoTable(head, "a?b.db"), HasSubstr(text));
  }
}

TEST(NoTableTest, WhatMayBeATableIsNotNamed) {
  for (const char* head : {"", "id,name\n", "BZhid,name", "BZh", "BZh9", "PAR1,x\n", "PGDMP,x\n",
                           "ORC,x\n", "Obj,x", "%,PDF\n", "GIF,x\n", "<,>\n", "{\"id\":1}"}) {
    EXPECT_EQ(WhyNoTable(head, "a"), "") << head;
  }
}

}  // namespace
}  // namespace driftwood
