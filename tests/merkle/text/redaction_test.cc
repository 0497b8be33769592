#include "merkle/text/redaction.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "merkle/text/store_password.h"

namespace driftwood::merkle {
namespace {

struct Case {
  const char* text;
  const char* shown;
};

TEST(RedactionTest, APasswordIsHiddenInAMistypedUrl) {
  const Case cases[] = {
      {"postgresql:auditor:S3cretPw9@127.0.0.1:55432/shop?table=orders",
       "postgresql:***@127.0.0.1:55432/shop?table=orders"},
      {"mysql:auditor:S3cretPw9@h/shop", "mysql:***@h/shop"},
      {"mysql:/auditor:S3cretPw9@h/shop", "mysql:***@h/shop"},
      {"postgres:S3cret:Pw9@h/shop", "postgres:***@h/shop"},
      {"postgres//auditor:S3cretPw9@h:1/shop", "postgres//auditor:***@h:1/shop"},
      {"mysql//auditor:S3cretPw9@h/shop", "mysql//auditor:***@h/shop"},
      {"auditor:S3cretPw9@localhost/shop", "auditor:***@localhost/shop"},
      {"jdbc:postgresql://auditor:S3cretPw9@h/shop", "jdbc:***@h/shop"},
      {" postgresql://auditor:S3cretPw9@h/shop", " postgresql:***@h/shop"},
      {"'postgresql://auditor:S3cretPw9@h/shop'", "'postgresql:***@h/shop'"},
      {"\"mysql://auditor:S3cretPw9@h/shop", "\"mysql:***@h/shop"},
      {"postgresq://auditor:S3cretPw9@h/shop", "postgresq://auditor@h/shop"},
      {"host=127.0.0.1 user=auditor password=S3cretPw9 dbname=shop",
       "host=127.0.0.1 user=auditor password=*** dbname=shop"},
      {"host=h password = 'S3cret Pw9' dbname=shop", "host=h password =*** dbname=shop"},
      {"host=h pass/word=S3cretPw9 user=u", "host=h pass/word=*** user=u"},
      {"host=h password=S3cret Pw9&", "host=h password=***"},
      {"postgresql://auditor@h/shop?table=t&pasword=S3cretPw9",
       "postgresql://auditor@h/shop?table=t&pasword=***"},
      {"postgresql://auditor@h/shop?PASSWORD=S3cretPw9&table=t",
       "postgresql://auditor@h/shop?PASSWORD=***&table=t"},
      {"postgresql://h/shop?table=t&p%61swrd=S3cretPw9",
       "postgresql://h/shop?table=t&p%61swrd=***"},
      {"mysql://auditor@h/shop?table=t&passwd=S3cretPw9",
       "mysql://auditor@h/shop?table=t&passwd=***"},
      {"mysql://auditor@h/shop?table=t&pwd=S3cret&Pw9", "mysql://auditor@h/shop?table=t&pwd=***"},
      {"mysql://auditor@h/shop?table=tpassword=S3cretPw9",
       "mysql://auditor@h/shop?table=tpassword=***"},
      {"mysql://auditor@h/shop?table=t&passwordS3cretPw9", "mysql://auditor@h/shop?table=t&***"},
      {"mysql://auditor@h/shop?table=t&password=&S3cretPw9", "mysql://auditor@h/shop?table=t&***"},
      {"mysql://auditor@h/shop?access_token=S3cretPw9&table=t",
       "mysql://auditor@h/shop?access_token=***&table=t"},
      {"mysql://auditor@h/shop?pass&word=S3cretPw9", "mysql://auditor@h/shop?***"},
      {"mysql://auditor@h/shop?table=t&password&=S3cretPw9", "mysql://auditor@h/shop?table=t&=***"},
      {"auditor:S3cretPw9=http://x@h/shop", "auditor:***@h/shop"},
      {"mysql://auditor:12?a=34SEC@h/shop", "mysql://auditor:***@h/shop"},
      {"csv:a.csv?key=id&password=S3cretPw9", "csv:a.csv?key=id&password=***"},
      {"mysql://auditor:12?34SEC@127.0.0.1:3399/shop?table=orders",
       "mysql://auditor:***@127.0.0.1:3399/shop?table=orders"},
      {"mysql://auditor:p@SECRET/34@127.0.0.1:3399/shop?table=orders",
       "mysql://auditor:***@127.0.0.1:3399/shop?table=orders"},
      {"mysql://auditor:12/34SEC@h/shop", "mysql://auditor:***@h/shop"},
      {"postgresql:///auditor:S3cretPw9@h/shop", "postgresql:///auditor:***@h/shop"},
      {"postgresql://auditor:S3cretPw9h:5432/shop?table=t", "postgresql://auditor:***"},
      {"agent:auditor:S3cretPw9@127.0.0.1:7400/orders", "agent:***@127.0.0.1:7400/orders"},
      {"a=postgresql://auditor:S3cretPw9@h/shop", "a=postgresql://auditor@h/shop"},
      {"a=postgresql:auditor:S3cretPw9@h/shop", "a=postgresql:***@h/shop"},
      {"--store=postgresql://auditor:S3cretPw9@h/shop", "--store=postgresql://auditor@h/shop"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Redacted(c.text), c.shown) << c.text;
  }
}

TEST(RedactionTest, WhatHoldsNoSecretIsShownAsItIs) {
  for (const char* const text :
       {"",
        "orders.csv",
        "csv:orders.csv?key=id",
        "cvs:orders.csv?key=id",
        "tsv:C:x.tsv",
        "csv:orders@2024.csv?key=id",
        "csv:/a/orders@2024-01-01.csv",
        "sqlite:shop.db?table=t",
        "sqlite:/a/b.db?table=t&where=at>'00:00' and mail='x@y'",
        "sqlite:///a/b@c.db?table=t",
        "csv:passengers.csv?key=passenger_id",
        "sqlite:x.db?table=passengers",
        "sqlite:x.db?table=t&where=passenger_id=7",
        "sqlite:x.db?table=t&where=pid=7",
        "jsonl:a:b.jsonl",
        "lmdb:folder?db=main",
        "agent:127.0.0.1:7400/orders",
        "agent:unix:/run/a@b.sock/orders",
        "unix:/run/a@b.sock",
        "127.0.0.1:0",
        "postgresql://u@h/db?table=t",
        "postgresql://h:5432/db?table=t",
        "mariadb://h/db?table=t",
        "postgresql://h:5432/db?table=t&where=a='x@y/z?'",
        "postgresql://a:1,b:2/db",
        "postgresql://a:1,b/db?table=\"x@y\"",
        "postgresql://[::1]/db",
        "postgresql://[::1]:5432/db",
        "postgresql://u@[::1]:5432/db?host=/run&passfile=/home/u/.pgpass&service=x",
        "postgresql://u%40example.com@h/db?table=t",
        "postgresql:///db?host=/run/postgresql",
        "data=postgresql://u@h/db",
        "postgresql://h:/db",
        "left:name=title",
        "--key",
        "id,name"}) {
    EXPECT_EQ(Redacted(text), text);
    EXPECT_FALSE(MayHoldAPassword(text)) << text;
    EXPECT_FALSE(IsUrlWithSecret(text)) << text;
  }
}

TEST(RedactionTest, AFilesNameLosesLittle) {
  EXPECT_EQ(Redacted("csv:C:x@y.csv"), "csv:C:***@y.csv");
  EXPECT_EQ(Redacted("csv:C:x@y.csv?key=a"), "csv:C:***@y.csv?key=a");
  EXPECT_EQ(Redacted("agent:unix:/a:b@c/orders"), "agent:unix:/a:***@c/orders");
}

TEST(RedactionTest, AUrlWithoutDoubtIsShownWithoutItsPassword) {
  for (const char* const url :
       {"postgresql://u:p@h/db", "postgresql://u:p%40:q@h:1/db?table=t", "postgresql://u:a/b@h/db",
        "postgresql://u:p@q@h/db", "postgresql://u:a?b@h/db?table=t", "mysql://u:@h/db?table=t",
        "postgresql://u@h/db?password=x%26&table=t", "data=mysql://u:p@h/db?table=t&where=a='@'"}) {
    EXPECT_EQ(Redacted(url), TakePassword(url).url);
    EXPECT_FALSE(MayHoldAPassword(TakePassword(url).url)) << url;
  }
}

TEST(RedactionTest, AUrlThatMayConnectWithAPieceOfThePasswordIsKnown) {
  for (const char* const url :
       {"mysql://auditor:12?34SEC@127.0.0.1:3399/shop?table=orders",
        "mysql://auditor:p@SECRET/34@127.0.0.1:3399/shop", "postgresql://auditor:12/34SEC@h/shop",
        "postgresql://auditor:S3cretPw9h:5432/shop", "mariadb://auditor:S3cretPw9/shop"}) {
    EXPECT_TRUE(MayHoldAPassword(TakePassword(url).url)) << url;
    EXPECT_TRUE(IsUrlWithSecret(url)) << url;
  }
  EXPECT_TRUE(IsUrlWithSecret("mysql:auditor:S3cretPw9@h/shop"));
  EXPECT_FALSE(IsUrlWithSecret("left:a=b@c"));
}

class Mangler {
 public:
  explicit Mangler(unsigned seed) : random_(seed) {}

  std::string Secret() {
    static constexpr std::string_view kLetters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    std::string secret;
    for (int i = 0; i < 9; ++i) secret += kLetters[Below(kLetters.size())];
    return secret;
  }
  std::string SecretWithSpecials() {
    static constexpr const char* kSpecials[] = {"", "/", "?", "@", ":", "#", "%", "'", ",", "12/"};
    return kSpecials[Below(std::size(kSpecials))];
  }
  // One character of `text` that is not from `begin` to `end` deleted or doubled, or one inserted.
  std::string Mangled(const std::string& text, size_t begin, size_t end) {
    static constexpr std::string_view kInserted = "/:@?&=#%'\" ,;.[]x7-_\\\t\n";
    size_t at = Below(text.size());
    while (at >= begin && at < end) at = Below(text.size());
    std::string mangled = text;
    switch (Below(3)) {
      case 0:
        // Then the secret is the user's name, or a piece of it the host's.
        if (at + 1 == begin && text[at] == ':') return text;
        if (at == end && text.find('@') < end) return text;
        return mangled.erase(at, 1);
      case 1:
        return mangled.insert(at, 1, text[at]);
      default:
        return mangled.insert(at, 1, kInserted[Below(kInserted.size())]);
    }
  }
  size_t Below(size_t limit) {
    return std::uniform_int_distribution<size_t>(0, limit - 1)(random_);
  }

 private:
  std::mt19937 random_;
};

TEST(RedactionTest, NoMangledUrlShowsItsPassword) {
  const auto seed = static_cast<unsigned>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE("seed " + std::to_string(seed));
  Mangler mangler(seed);
  const std::vector<std::pair<std::string, std::string>> urls = {
      {"postgresql://auditor:", "@127.0.0.1:55432/shop?table=orders"},
      {"mysql://auditor:", "@localhost/shop?table=orders&where=id>7"},
      {"mariadb://auditor:", "@db.example.com:3306/shop"},
      {"orders=postgres://auditor:", "@[::1]:5432/shop?sslmode=require"},
      {"postgresql://auditor@127.0.0.1:55432/shop?table=orders&password=", ""},
      {"postgresql://auditor@h/shop?password=", "&table=orders"},
      {"mysql://auditor@h:1/shop?table=orders&passwd=", "&key=id"},
  };
  for (int i = 0; i < 20'000; ++i) {
    const auto& [before, after] = urls[mangler.Below(urls.size())];
    const bool in_user = before.ends_with("auditor:");
    const std::string first = mangler.Secret();
    const std::string second = mangler.Secret();
    const std::string secret = in_user ? first + mangler.SecretWithSpecials() + second : first;
    const std::string url = before + secret + after;
    for (const std::string& text :
         {url, mangler.Mangled(url, before.size(), before.size() + secret.size())}) {
      const std::string shown = Redacted(text);
      ASSERT_EQ(shown.find(first), std::string::npos) << text << "\n" << shown;
      ASSERT_EQ(shown.find(second), std::string::npos) << text << "\n" << shown;
      ASSERT_EQ(Redacted(shown).find(first), std::string::npos) << text << "\n" << shown;
    }
  }
}

TEST(RedactionTest, MessagesLoseTheSecretsOfTheArguments) {
  const Secrets secrets({"diff", "postgresql:auditor:S3cret%50w9@h:1/shop?table=orders",
                         "mysql://shop1:shop1@h/shop1", "mysql://u:password@h/d",
                         "--key=mysql://u:Qwerty12@h/d", "left:pa,ss@word", "password=text"});
  EXPECT_EQ(secrets.Hide("got 'postgresql:auditor:S3cret%50w9@h:1/shop?table=orders', wanted X"),
            "got 'postgresql:***@h:1/shop?table=orders', wanted X");
  EXPECT_EQ(secrets.Hide("--key mysql://u:Qwerty12@h/d: no"), "--key mysql://u@h/d: no");
  EXPECT_EQ(secrets.Hide("host S3cretPw9 is unknown"), "host *** is unknown");
  EXPECT_EQ(secrets.Hide("column Qwerty12?"), "column ***?");
  EXPECT_EQ(secrets.Hide("no database shop1"), "no database shop1");
  EXPECT_EQ(secrets.Hide("password authentication failed"), "password authentication failed");
  EXPECT_EQ(secrets.Hide("unknown type 'text' of password=text"),
            "unknown type 'text' of password=text");
  EXPECT_EQ(Secrets().Hide("all of it"), "all of it");
}

}  // namespace
}  // namespace driftwood::merkle
