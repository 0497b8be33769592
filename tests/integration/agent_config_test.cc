// `driftwood-agent --config`, with the real programs. Covers agent/serve/agent_config.cc too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/integration/diff_fixture.h"

namespace driftwood::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class AgentConfigTest : public DiffTest {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(Path("etc"));
    WriteFile("etc/orders.csv", "id,total\n1,5\n2,6\n");
    WriteFile("copy.csv", "id,total\n1,5\n2,7\n");
  }
  // The agent, with its log in its stdout.
  std::vector<std::string> Agent(const std::string& more = "") const {
    return {"/bin/sh", "-c",
            "exec '" + Program("driftwood-agent") + "' --config etc/agent.toml " + more + " 2>&1"};
  }
  ProcessOptions Here() const {
    ProcessOptions options;
    options.folder = dir_.path();
    return options;
  }
  std::vector<std::string> Refused() {
    const ProcessResult result =
        RunProcess({Program("driftwood-agent"), "--config", "etc/agent.toml"}, Here());
    EXPECT_EQ(result.exit_code, 2) << result.out << result.err;
    return Lines(result.err);
  }
};

TEST_F(AgentConfigTest, ItServesWhatTheFileSaysAndLogsEachComparison) {
  WriteFile("etc/agent.toml", R"(listen = "unix:a.sock"
state_dir = "state"
allow_values = true
max_rate = "100000rows"
[dataset.orders]
url = "csv:orders.csv?key=id"
[dataset.later]
url = "csv:later.csv?key=id"
)");
  Process agent(Agent(), Here());
  ASSERT_TRUE(agent.WaitForOutput("listening on unix:etc/a.sock\n")) << agent.out();
  EXPECT_TRUE(agent.WaitForOutput("later can't be opened: ")) << agent.out();
  EXPECT_EQ(DiffJson({"agent:unix:etc/a.sock/orders", "csv:copy.csv?key=id", "--digest-key-file",
                      "etc/state/digest.key"})
                .value("verdict", ""),
            "DIVERGENT");
  EXPECT_TRUE(agent.WaitForOutput("orders: a comparison of 2 records, which were read"))
      << agent.out();
  agent.Signal(SIGTERM);
  EXPECT_EQ(agent.Wait().exit_code, 0);
}

TEST_F(AgentConfigTest, TheCommandLineCountsMore) {
  WriteFile("etc/agent.toml", R"(listen = "unix:a.sock"
[dataset.orders]
url = "csv:orders.csv?key=id"
)");
  Process agent(Agent("--listen unix:b.sock"), Here());
  EXPECT_TRUE(agent.WaitForOutput("listening on unix:b.sock\n")) << agent.out();
}

TEST_F(AgentConfigTest, AllMistakesAreSaidAtOnce) {
  WriteFile("etc/agent.toml", R"(listn = "unix:a.sock"
verbose = "yes"
[dataset.orders]
uri = "csv:orders.csv?key=id"
[dataset.shop]
url = "postgresql://me@localhost/shop?table=t"
password_file = "nosuch"
)");
  EXPECT_THAT(
      Refused(),
      ElementsAre(
          "driftwood-agent: etc/agent.toml:1:1: there is no member 'listn' (did you mean "
          "'listen'?)",
          "driftwood-agent: etc/agent.toml:2:11: verbose: expected true or false",
          HasSubstr("etc/agent.toml:3:1: dataset.orders: a dataset needs the url"),
          HasSubstr("etc/agent.toml:4:1: dataset.orders: there is no member 'uri' (did you mean "
                    "'url'?)"),
          HasSubstr("etc/agent.toml:7:1: dataset.shop.password_file: ")));
}

TEST_F(AgentConfigTest, APasswordThatOthersMayReadIsRefused) {
  WriteFile("etc/agent.toml", R"(listen = "unix:a.sock"
[dataset.shop]
url = "postgresql://me:Se-cret9@localhost/shop?table=t"
)");
  ::chmod(Path("etc/agent.toml").c_str(), 0644);
  const std::vector<std::string> lines = Refused();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], HasSubstr("chmod 600"));
  EXPECT_EQ(lines[0].find("Se-cret9"), std::string::npos);
}

}  // namespace
}  // namespace driftwood::testing
