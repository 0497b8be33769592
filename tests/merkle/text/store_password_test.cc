#include "merkle/text/store_password.h"

#include <gtest/gtest.h>

#include "merkle/text/redaction.h"

namespace driftwood::merkle {
namespace {

struct Case {
  const char* url;
  const char* without;
  std::optional<std::string> password;
};

TEST(StorePasswordTest, IsTakenOutOfAUrlWhereverItStands) {
  const Case cases[] = {
      {"postgresql://u@h/db?table=t", "postgresql://u@h/db?table=t", std::nullopt},
      {"postgresql://h:5432/db?table=t", "postgresql://h:5432/db?table=t", std::nullopt},
      {"postgresql://a:1,b:2/db", "postgresql://a:1,b:2/db", std::nullopt},
      {"postgresql://[::1]/db", "postgresql://[::1]/db", std::nullopt},
      {"postgresql://[::1]:5432/db@x", "postgresql://[::1]:5432/db@x", std::nullopt},
      {"postgresql:///db?where=a='x@y'", "postgresql:///db?where=a='x@y'", std::nullopt},
      {"postgresql://u:p@h/db", "postgresql://u@h/db", "p"},
      {"postgresql://u:p%40:q@h:1/db?table=t", "postgresql://u@h:1/db?table=t", "p@:q"},
      {"postgresql://u:p@q@h/db", "postgresql://u@h/db", "p@q"},
      {"postgresql://u:a/b@h/db", "postgresql://u@h/db", "a/b"},
      {"postgresql://u:a?b@h/db?table=t", "postgresql://u@h/db?table=t", "a?b"},
      {"postgresql://u:@h/db", "postgresql://u@h/db", ""},
      {"postgresql://u@h/db?password=x%26&table=t", "postgresql://u@h/db?table=t", "x&"},
      {"postgresql://u@h/db?table=t&p%61ssword=x", "postgresql://u@h/db?table=t", "x"},
      {"mysql://u:p@h/db?table=t", "mysql://u@h/db?table=t", "p"},
      {"data=postgresql://u:p@h/db", "data=postgresql://u@h/db", "p"},
      {"csv:/a://u:p@x.csv", "csv:/a://u:p@x.csv", std::nullopt},
      {"csv:a.csv?password=x", "csv:a.csv?password=x", std::nullopt},
      {"", "", std::nullopt},
  };
  for (const Case& c : cases) {
    const UrlWithoutPassword taken = TakePassword(c.url);
    EXPECT_EQ(taken.url, c.without) << c.url;
    EXPECT_EQ(taken.password, c.password) << c.url;
    EXPECT_EQ(taken.other_secret, "") << c.url;
    EXPECT_EQ(TakePassword(taken.url).url, taken.url) << c.url;
  }
  EXPECT_EQ(TakePassword("postgresql://h/d?sslpassword=x").other_secret, "sslpassword");
  EXPECT_EQ(TakePassword("postgresql://h/d?sslpassword=x").url, "postgresql://h/d");
}

// As drivers of all kinds call it: none of them is handed on or shown.
TEST(StorePasswordTest, EverySpellingOfASecretsNameIsTakenOut) {
  for (const std::string name : {"PASSWORD",
                                 "Password",
                                 "passwd",
                                 "pass",
                                 "pwd",
                                 "PWD",
                                 "pw",
                                 "psw",
                                 "pswd",
                                 "password1",
                                 "sslpassword",
                                 "sslPassword",
                                 "sslkeypassword",
                                 "ssl_passphrase",
                                 "passphrase",
                                 "trustStorePassword",
                                 "clientCertificateKeyStorePassword",
                                 "keyPassword",
                                 "p%77d",
                                 "client_secret",
                                 "oauth_client_secret",
                                 "scram_client_key",
                                 "scram_server_key"}) {
    const std::string url = "mysql://u@h/d?" + name + "=S3cretPw9&table=t";
    EXPECT_EQ(TakePassword(url).url, "mysql://u@h/d?table=t") << name;
    EXPECT_NE(TakePassword(url).other_secret, "") << name;
    EXPECT_EQ(Redacted(url).find("S3cret"), std::string::npos) << name;
    EXPECT_NE(Redacted(url).find("table=t"), std::string::npos) << name;
  }
  for (const char* name : {"passfile", "key", "sslkey", "sslcert", "table", "where", "user",
                           "service", "options", "connections", "socket", "ssl_ca"}) {
    EXPECT_FALSE(NamesASecret(name)) << name;
  }
}

TEST(StorePasswordTest, IsOverwrittenInAnArgument) {
  char argument[] = "postgresql://u:secret@h/db?table=t";
  HidePassword(argument);
  EXPECT_STREQ(argument, "postgresql://u@h/db?table=t");
  EXPECT_EQ(std::string(argument, sizeof argument).find("secret"), std::string::npos);
  char other[] = "csv:a.csv";
  HidePassword(other);
  EXPECT_STREQ(other, "csv:a.csv");
}

}  // namespace
}  // namespace driftwood::merkle
