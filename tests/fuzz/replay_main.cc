// Replays a fuzz target's corpus, and a fixed number of mutations of each of its files, where the
// target isn't linked with libFuzzer: so that ctest notices what a fuzzer would.
//
// usage: NAME_fuzz DIRECTORY [SEED]
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr int kMutationsPerFile = 100;

void RunOne(const std::vector<char>& input) {
  // A copy of exactly the right size, so that ASan sees a read past its end.
  std::vector<uint8_t> exact(input.begin(), input.end());
  exact.shrink_to_fit();
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

std::vector<char> Mutate(std::vector<char> input, std::mt19937_64& random) {
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  const size_t steps = 1 + below(4);
  for (size_t i = 0; i < steps; ++i) {
    const size_t at = below(input.size() + 1);
    switch (below(4)) {
      case 0:
        input.insert(input.begin() + static_cast<std::ptrdiff_t>(at),
                     static_cast<char>(below(256)));
        break;
      case 1:
        input.resize(at);
        break;
      default:
        if (at < input.size())
          input[at] = static_cast<char>(below(2) == 0 ? below(256) : below(2) * 255);
    }
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER [SEED]\n", argv[0]);
    return 2;
  }
  const uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1], error)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  if (files.empty()) {
    std::fprintf(stderr, "%s: no corpus files\n", argv[1]);
    return 1;
  }
  std::sort(files.begin(), files.end());
  std::mt19937_64 random(seed);
  for (const auto& file : files) {
    std::ifstream stream(file, std::ios::binary);
    const std::vector<char> input{std::istreambuf_iterator<char>(stream), {}};
    std::fprintf(stderr, "%s (seed %llu)\n", file.filename().c_str(),
                 static_cast<unsigned long long>(seed));
    RunOne(input);
    for (int i = 0; i < kMutationsPerFile; ++i) RunOne(Mutate(input, random));
  }
  std::fprintf(stderr, "%zu files replayed\n", files.size());
  return 0;
}
