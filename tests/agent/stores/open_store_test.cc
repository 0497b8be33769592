// Covers agent/stores/csv/csv_kind.cc, agent/stores/jsonl/jsonl_kind.cc,
// agent/stores/lmdb/lmdb_kind.cc, agent/stores/mysql/mysql_kind.cc,
// agent/stores/postgresql/postgresql_kind.cc and agent/stores/sqlite/sqlite_kind.cc too.
#include "agent/stores/open_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "merkle/text/redaction.h"
#include "merkle/text/store_password.h"

namespace driftwood::agent {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// The URL that its form stands for.
StoreUrl UrlOf(const StoreKindDescription& kind, const std::string& scheme) {
  const std::string rest = kind.url_form.substr(kind.url_form.find(':'));
  return StoreUrl::Parse(scheme + rest).value();
}

TEST(OpenStoreTest, EveryKindOpensTheUrlsOfItsForm) {
  std::set<std::string> seen;
  for (const StoreKind* const kind : AllStoreKinds()) {
    for (const std::string& scheme : kind->schemes) {
      EXPECT_TRUE(seen.insert(scheme).second) << scheme << " is two kinds'";
      const auto store = OpenStore(UrlOf(*kind, scheme));
      EXPECT_TRUE(store.ok()) << store.status();
    }
    EXPECT_THAT(kind->url_form, StartsWith(kind->schemes.front() + ":"));
    for (const auto& [ending, scheme] : kind->endings) {
      EXPECT_THAT(kind->schemes, Contains(scheme));
      EXPECT_EQ(ending.front(), '.');
    }
  }
}

TEST(OpenStoreTest, AnUnknownSchemeNamesTheKnownOnes) {
  const auto store = OpenStore({"nosuch", "x", {}});
  EXPECT_EQ(store.status().code(), absl::StatusCode::kInvalidArgument);
  for (const StoreKind* const kind : AllStoreKinds()) {
    for (const std::string& scheme : kind->schemes) {
      EXPECT_THAT(std::string(store.status().message()), HasSubstr(scheme));
    }
  }
}

// What hides secrets runs before any kind is known, so its lists of schemes must have them all.
TEST(OpenStoreTest, EveryKindsSchemeIsKnownWhereSecretsAreHidden) {
  for (const StoreKind* const kind : AllStoreKinds()) {
    EXPECT_EQ(kind->is_server, !kind->password_variable.empty());
    for (const std::string& scheme : kind->schemes) {
      SCOPED_TRACE(scheme);
      StoreUrl located;
      located.scheme = scheme;
      located.path = "//h/d";
      EXPECT_EQ(located.IsServer(), kind->is_server);
      if (kind->is_server) {
        const std::string url = scheme + "://u:geheim@h/d?table=t";
        EXPECT_THAT(merkle::Redacted(url), Not(HasSubstr("geheim")));
        EXPECT_EQ(merkle::TakePassword(url).password, "geheim");
        EXPECT_FALSE(StoreUrl::Parse(scheme + ":x").ok());
      } else {
        EXPECT_EQ(merkle::Redacted(scheme + ":a/b@c.x?key=id"), scheme + ":a/b@c.x?key=id");
      }
    }
  }
}

TEST(OpenStoreTest, APasswordGoesWhereTheStoresOwnLibraryLooksForIt) {
  const auto variable = [](const char* scheme) {
    return FindStoreKind(DescribeStoreKinds(), scheme)->password_variable;
  };
  EXPECT_EQ(variable("postgresql"), "PGPASSWORD");
  EXPECT_EQ(variable("postgres"), "PGPASSWORD");
  EXPECT_EQ(variable("mysql"), "MYSQL_PWD");
  EXPECT_EQ(variable("mariadb"), "MYSQL_PWD");
  for (const char* none : {"sqlite", "csv", "tsv", "jsonl", "lmdb"}) EXPECT_EQ(variable(none), "");
}

TEST(OpenStoreTest, DatabasesListTheirTablesAndNothingElseDoes) {
  for (const StoreKind* const kind : AllStoreKinds()) {
    EXPECT_EQ(kind->database_form.empty(), kind->list_tables == nullptr);
    if (kind->list_tables != nullptr) {
      EXPECT_TRUE(CheckDatabaseUrl(StoreUrl::Parse(kind->database_form).value()).ok());
      continue;
    }
    const absl::Status status = ListTables(UrlOf(*kind, kind->schemes.front())).status();
    EXPECT_FALSE(status.ok());
  }
}

TEST(OpenStoreTest, WhatIsToldOfTheKindsIsWhatTheyAre) {
  const StoreKinds kinds = DescribeStoreKinds();
  EXPECT_EQ(kinds.size(), AllStoreKinds().size());
  EXPECT_EQ(ParseStoreKinds(StoreKindsText(kinds)).value(), kinds);
}

}  // namespace
}  // namespace driftwood::agent
