// Lists a paged JSON API, beside a bare client that fetches the same pages with libcurl and parses
// them with nlohmann-json; then looks keys up at a server that takes its time. The server is a
// process of its own on loopback, with its pages in memory.
//
//   http_bench [--records=1000000] [--page=1000] [--rounds=3] [--lookups=10000] [--delay=50]
#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "agent/stores/http/http_client.h"
#include "agent/stores/http/http_description.h"
#include "agent/stores/http/http_pages.h"
#include "agent/stores/text/spool.h"
#include "bench/measure.h"
#include "merkle/check.h"

namespace driftwood {
namespace {

struct Options {
  uint64_t records = 1'000'000;
  uint64_t page = 1000;
  uint64_t rounds = 3;
  uint64_t lookups = 10'000;
  uint64_t delay_ms = 50;
};

std::string RecordOf(uint64_t id) {
  return "{\"id\": " + std::to_string(id) + ", \"name\": \"customer " + std::to_string(id) +
         "\", \"total\": " + std::to_string(id % 900) + ".50, \"state\": {\"name\": \"paid\"}}";
}

// ---- the server ----

std::string Reply(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::vector<std::string> Pages(const Options& options) {
  std::vector<std::string> pages;
  for (uint64_t begin = 0; begin < options.records; begin += options.page) {
    const uint64_t end = std::min(begin + options.page, options.records);
    std::string body = "{\"data\": [";
    for (uint64_t id = begin; id < end; ++id) body += (id > begin ? "," : "") + RecordOf(id);
    body += "], \"next\": " + (end < options.records ? std::to_string(end / options.page) : "null");
    pages.push_back(Reply(body + "}"));
  }
  return pages;
}

void SendAll(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

// "GET /page?after=7" and "GET /one/7": the number at the end of the path.
void Answer(int socket, const Options& options, const std::vector<std::string>& pages) {
  std::string read;
  char buffer[4096];
  while (true) {
    const size_t end = read.find("\r\n\r\n");
    if (end == std::string::npos) {
      const ssize_t count = ::recv(socket, buffer, sizeof buffer, 0);
      if (count <= 0) break;
      read.append(buffer, static_cast<size_t>(count));
      continue;
    }
    const std::string path = read.substr(4, read.find(' ', 4) - 4);
    read.erase(0, end + 4);
    const size_t digits = path.find_last_not_of("0123456789") + 1;
    const uint64_t number = digits == path.size() ? 0 : std::stoull(path.substr(digits));
    if (path.starts_with("/one/")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(options.delay_ms));
      SendAll(socket, Reply(RecordOf(number)));
    } else {
      SendAll(socket, pages[number]);
    }
  }
  ::close(socket);
}

// Its port. It ends with this process.
int StartServer(const Options& options) {
  const int listening = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  DRIFTWOOD_CHECK(::bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  DRIFTWOOD_CHECK(::listen(listening, 64) == 0);
  socklen_t size = sizeof address;
  ::getsockname(listening, reinterpret_cast<sockaddr*>(&address), &size);
  if (::fork() == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const std::vector<std::string> pages = Pages(options);
    while (true) {
      const int socket = ::accept(listening, nullptr, nullptr);
      if (socket >= 0) std::thread([&, socket] { Answer(socket, options, pages); }).detach();
    }
  }
  ::close(listening);
  return ntohs(address.sin_port);
}

// ---- the clients ----

size_t TakeBody(char* bytes, size_t, size_t count, void* body) {
  static_cast<std::string*>(body)->append(bytes, count);
  return count;
}

uint64_t ListBare(const std::string& base) {
  CURL* const curl = ::curl_easy_init();
  std::string body;
  uint64_t records = 0;
  std::string url = base + "/page";
  while (!url.empty()) {
    body.clear();
    ::curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    ::curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &TakeBody);
    ::curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    DRIFTWOOD_CHECK(::curl_easy_perform(curl) == CURLE_OK);
    const nlohmann::json page = nlohmann::json::parse(body);
    records += page["data"].size();
    url = page["next"].is_null() ? "" : base + "/page?after=" + page["next"].dump();
  }
  ::curl_easy_cleanup(curl);
  return records;
}

agent::HttpDescription Describe(const std::string& base) {
  return *agent::ParseHttpDescription("base = \"" + base +
                                          "\"\nkey = [\"id\"]\n[list]\npath = \"/page\"\n"
                                          "records = \"/data\"\n"
                                          "cursor = { at = \"/next\", parameter = \"after\" }\n"
                                          "[columns]\nid = \"/id\"\nname = \"/name\"\n"
                                          "total = \"/total\"\nstate = \"/state/name\"\n",
                                      "bench.toml");
}

uint64_t ListOurs(const agent::HttpDescription& description) {
  const auto client = *agent::HttpClient::Create(description.client);
  agent::HttpPages pages(description, client.get(), {});
  DRIFTWOOD_CHECK(agent::Spool::Of(pages, "bench", "", agent::SpoolOptions()).ok());
  return pages.records();
}

uint64_t PeakKilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6));
  }
  return 0;
}

void List(const Options& options, const std::string& base) {
  const agent::HttpDescription description = Describe(base);
  const uint64_t before = PeakKilobytes();
  DRIFTWOOD_CHECK(ListOurs(description) == options.records);
  std::printf("list of %llu records: peak memory %.1f MiB (%.1f MiB before)\n",
              static_cast<unsigned long long>(options.records),
              static_cast<double>(PeakKilobytes()) / 1024, static_cast<double>(before) / 1024);
  std::vector<double> wall;
  std::vector<double> cpu;
  for (uint64_t i = 0; i < options.rounds; ++i) {
    const Times bare = Measure([&] { DRIFTWOOD_CHECK(ListBare(base) == options.records); });
    const Times ours = Measure([&] { DRIFTWOOD_CHECK(ListOurs(description) == options.records); });
    std::printf("  bare %.2f s (cpu %.2f)   ours %.2f s (cpu %.2f)\n", bare.wall, bare.cpu,
                ours.wall, ours.cpu);
    wall.push_back(bare.wall / ours.wall);
    cpu.push_back(bare.cpu / ours.cpu);
  }
  std::printf("rate ÷ bare client's: wall %.2f, cpu %.2f (goal 0.8)\n", Median(wall), Median(cpu));
}

void LookUp(const Options& options, const std::string& base) {
  const agent::HttpDescription description = Describe(base);
  const auto client = *agent::HttpClient::Create(description.client);
  const Times times = Measure([&] {
    for (uint64_t begin = 0; begin < options.lookups; begin += 256) {
      std::vector<agent::HttpRequest> requests;
      for (uint64_t id = begin; id < std::min(begin + 256, options.lookups); ++id) {
        const std::string path = "/one/" + std::to_string(id);
        requests.push_back({base + path, path});
      }
      DRIFTWOOD_CHECK(client->Get(requests, {})->size() == requests.size());
    }
  });
  std::printf("%llu lookups of %llu ms, 16 at once: %.1f s (cpu %.2f)\n",
              static_cast<unsigned long long>(options.lookups),
              static_cast<unsigned long long>(options.delay_ms), times.wall, times.cpu);
}

}  // namespace
}  // namespace driftwood

int main(int argc, char** argv) {
  driftwood::Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    bool known = false;
    for (const auto& [name, value] :
         {std::pair{"--records=", &options.records}, std::pair{"--page=", &options.page},
          std::pair{"--rounds=", &options.rounds}, std::pair{"--lookups=", &options.lookups},
          std::pair{"--delay=", &options.delay_ms}}) {
      if (!argument.starts_with(name)) continue;
      *value = std::strtoull(argv[i] + std::string_view(name).size(), nullptr, 10);
      known = true;
    }
    if (!known) {
      std::fprintf(stderr, "unknown argument %s\n", argv[i]);
      return 2;
    }
  }
  const std::string base = "http://127.0.0.1:" + std::to_string(driftwood::StartServer(options));
  driftwood::List(options, base);
  driftwood::LookUp(options, base);
}
