// Covers byte_stream.cc and decode_text.cc too.
#include "agent/stores/text/text_input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "gmock/gmock.h"
#include "tests/agent/stores/text/stream_fixture.h"
#include "tests/agent/stores/text/text_store_fixture.h"

namespace driftwood::agent {
namespace {

using std::string_literals::operator""s;
using ::testing::HasSubstr;

std::string AllOf(const TextFile& file) {
  std::string text(file.size(), '\0');
  DRIFTWOOD_CHECK(file.ReadAt(0, text).ok());
  return text;
}

class TextInputTest : public TextStoreTest {
 protected:
  TextInputOptions Of(const std::string& name) const {
    TextInputOptions options;
    options.path = name == "-" ? name : Path(name);
    options.clock = [] { return Later(); };
    return options;
  }
  absl::StatusOr<std::string> Read(const std::string& name,
                                   std::optional<Encoding> encoding = {}) const {
    TextInputOptions options = Of(name);
    options.encoding = encoding;
    TextInput input(options);
    const auto file = input.Open();
    if (!file.ok()) return file.status();
    return AllOf(**file);
  }
  std::string ErrorOf(const std::string& name) const {
    const absl::Status status = Read(name).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  }
};

TEST_F(TextInputTest, APlainFileIsReadAsItIs) {
  Write("a.csv", "id\n\xE4\n");
  TextInput input(Of("a.csv"));
  const auto file = *input.Open();
  EXPECT_EQ(AllOf(*file), "id\n\xE4\n");
  EXPECT_EQ(file->name(), Path("a.csv"));
  EXPECT_EQ(file->PlaceNote(), "");
  EXPECT_FALSE(file->IsStream());
  // What happens to the file is seen.
  Append("a.csv", "1\n");
  EXPECT_THAT(file->ChangeSinceOpen(), HasSubstr("size 5 -> 7"));
  EXPECT_THAT(file->Finish("csv").not_point_in_time, HasSubstr("size 5 -> 7"));
}

TEST_F(TextInputTest, WhatAFileIsIsKnownByHowItBegins) {
  Write("a.csv.gz", Gzip("id\n1\n"));
  Write("b.csv", Gzip("id\n1\n"));
  Write("c.zst", Zstd("id\n1\n"));
  Write("d.gz", Zstd("id\n1\n"));
  Write("e.csv", "\xFF\xFEi\0d\0"s);
  Write("f.csv", "\xFE\xFF\0i\0d"s);
  Write("g.csv.gz", Gzip("\xFF\xFEi\0d\0"s));
  for (const char* name : {"a.csv.gz", "b.csv", "c.zst", "d.gz"})
    EXPECT_EQ(Read(name).value(), "id\n1\n") << name;
  for (const char* name : {"e.csv", "f.csv", "g.csv.gz"}) EXPECT_EQ(Read(name).value(), "id");
  Write("h.csv", "\xE4\x80");
  EXPECT_EQ(Read("h.csv").value(), "\xE4\x80");
  EXPECT_EQ(Read("h.csv", Encoding::kWindows1252).value(), "ä€");
  Write("i.csv", "");
  EXPECT_EQ(Read("i.csv", Encoding::kUtf16).value(), "");
}

TEST_F(TextInputTest, WhatIsNoTextIsNamedWithWhatToDo) {
  Write("a.csv.gz", "id\n1\n");
  EXPECT_EQ(ErrorOf("a.csv.gz"), Path("a.csv.gz") +
                                     " is named .gz, but does not begin as a gzip archive; if it "
                                     "is plain text give it another name, else fetch it again");
  Write("empty.zst", "");
  EXPECT_THAT(ErrorOf("empty.zst"), HasSubstr("does not begin as a zstd archive"));
  Write("b.xlsx", "PK\x03\x04 and so on");
  EXPECT_THAT(ErrorOf("b.xlsx"), HasSubstr("b.xlsx is a zip archive, or a file of a program"));
  Write("c.gz", Gzip(Gzip("id\n")));
  EXPECT_THAT(ErrorOf("c.gz"), HasSubstr("is an archive of an archive; unpack it once"));
  Write("d.gz", Gzip("id\n1\n").substr(0, 20));
  EXPECT_THAT(ErrorOf("d.gz"), HasSubstr("d.gz: the gzip archive is cut off: it ends at byte 20"));
}

TEST_F(TextInputTest, AnUnpackedFileIsUnpackedOnceUntilItChanges) {
  Write("a.gz", Gzip("id\n1\n"));
  TextInput input(Of("a.gz"));
  const auto first = *input.Open();
  const auto second = *input.Open();
  EXPECT_EQ(first->PlaceNote(), " of its decompressed text");
  const Scan::End end = first->Finish("csv");
  EXPECT_EQ(end.not_point_in_time, "");
  EXPECT_TRUE(input.IsUnchanged("csv", end.position));
  EXPECT_FALSE(input.IsUnchanged("csv null=x", end.position));

  Write("a.gz", Gzip("id\n2\n"));
  EXPECT_FALSE(input.IsUnchanged("csv", end.position));
  const auto third = *input.Open();
  EXPECT_EQ(AllOf(*third), "id\n2\n");
  // Who has the first one open has all of one state, and its position is that of no other.
  EXPECT_EQ(AllOf(*second), "id\n1\n");
  EXPECT_EQ(second->Finish("csv").not_point_in_time, "");
  EXPECT_EQ(second->Finish("csv").position, end.position);
  EXPECT_FALSE(input.IsUnchanged("csv", second->Finish("csv").position));
}

TEST_F(TextInputTest, AYoungArchiveIsNoProof) {
  Write("a.gz", Gzip("id\n1\n"));
  TextInputOptions options = Of("a.gz");
  options.clock = SystemWallClock();
  TextInput input(options);
  EXPECT_EQ((*input.Open())->Finish("csv").position, "");
}

TEST_F(TextInputTest, MissingFilesAndDirectoriesAreRefused) {
  EXPECT_EQ(Read("nothing.gz").status().code(), absl::StatusCode::kNotFound);
  std::filesystem::create_directory(Path("dir.gz"));
  EXPECT_THAT(ErrorOf("dir.gz"), HasSubstr("is a directory"));
}

TEST_F(TextInputTest, ANamedPipeIsReadOnceByWhoeverComesFirst) {
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  TextInput input(Of("pipe"));
  std::string text;
  while (text.size() < 300'000) text += "some text that is longer than a pipe holds\n";
  std::thread writer([&] {
    std::ofstream pipe(Path("pipe"), std::ios::binary);
    pipe << text;
  });
  const auto first = input.Open();
  writer.join();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(AllOf(**first), text);
  EXPECT_TRUE((*first)->IsStream());
  EXPECT_EQ(AllOf(**input.Open()), text);
  const Scan::End end = (*first)->Finish("csv");
  EXPECT_EQ(end.not_point_in_time, "");
  EXPECT_EQ(end.position, "");
  EXPECT_FALSE(input.IsUnchanged("csv", "file2 1 2 3 4 5 csv"));
}

TEST_F(TextInputTest, APipeIsNotAtItsEndBeforeItHasHadAWriter) {
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  TextInput input(Of("pipe"));
  absl::StatusOr<std::unique_ptr<TextFile>> file = absl::UnknownError("");
  std::thread reader([&] { file = input.Open(); });
  // Opening it waits for the reader; only then is there anything to read.
  std::ofstream(Path("pipe"), std::ios::binary) << Gzip("id\n1\n");
  reader.join();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(AllOf(**file), "id\n1\n");
}

TEST_F(TextInputTest, APipeWithoutANameWhoseWriterHasGoneIsReadToItsEnd) {
  for (const std::string& text : {""s, "id\n1\n"s}) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    ASSERT_EQ(::write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    ::close(ends[1]);
    TextInputOptions options;
    options.path = "/dev/fd/" + std::to_string(ends[0]);
    TextInput input(options);
    const auto file = input.Open();
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(AllOf(**file), text);
    ::close(ends[0]);
  }
}

TEST_F(TextInputTest, ACallThatIsStoppedWaitsForNoWriterAndLeavesNoShorterText) {
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  TextInput input(Of("pipe"));
  std::stop_source stop;
  absl::Status status;
  std::thread reader([&] { status = input.Open(stop.get_token()).status(); });
  {
    std::ofstream pipe(Path("pipe"), std::ios::binary);  // waits for the reader
    pipe << "id\n" << std::flush;
    stop.request_stop();
    reader.join();
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled) << status;
  const absl::Status later = input.Open().status();
  EXPECT_EQ(later.code(), absl::StatusCode::kFailedPrecondition) << later;
  EXPECT_THAT(std::string(later.message()), HasSubstr("was read in part"));
}

TEST_F(TextInputTest, AStoppedScanOfASpoolIsCancelled) {
  Write("a.gz", Gzip("id\n1\n"));
  TextInput input(Of("a.gz"));
  std::stop_source stop;
  const auto file = *input.Open(stop.get_token());
  stop.request_stop();
  char byte = 0;
  EXPECT_EQ(file->ReadAt(0, {&byte, 1}).code(), absl::StatusCode::kCancelled);
  // The next call's is another one.
  EXPECT_EQ(AllOf(**input.Open()), "id\n1\n");
}

TEST_F(TextInputTest, WhatWasBadInAPipeStaysBad) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const std::string packed = Gzip("id\n1\n");
  ASSERT_GT(::write(ends[1], packed.data(), packed.size() - 1), 0);
  ::close(ends[1]);
  TextInputOptions options = Of("-");
  options.standard_input = ends[0];
  TextInput input(options);
  const absl::Status status = input.Open().status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("stdin: the gzip archive is cut off"));
  EXPECT_EQ(input.Open().status(), status);
  ::close(ends[0]);
}

TEST_F(TextInputTest, StdinIsWhatThePathsOfStdinMean) {
  for (const char* path : {"-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"}) {
    const int fd = ::open(Write("a", "skipped id\n1\n").c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_EQ(::lseek(fd, 8, SEEK_SET), 8);  // who had it before has read some of it
    TextInputOptions options = Of("-");
    options.path = path;
    options.standard_input = fd;
    TextInput input(options);
    const auto file = input.Open();
    ::close(fd);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ((*file)->name(), "stdin");
    EXPECT_EQ(AllOf(**file), "id\n1\n");
    EXPECT_EQ((*file)->Finish("csv").position, "");
    EXPECT_EQ((*file)->Finish("csv").not_point_in_time, "");
    EXPECT_FALSE(input.IsUnchanged("csv", "file2"));
  }
}

TEST_F(TextInputTest, WithoutAStdinThatIsAnError) {
  EXPECT_EQ(ErrorOf("-"), "-: this agent has no stdin to read; name a file, or a named pipe");
}

TEST_F(TextInputTest, ATerminalIsNoInput) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0) GTEST_SKIP() << "no terminals here";
  TextInputOptions options = Of("-");
  options.standard_input = terminal;
  TextInput input(options);
  EXPECT_THAT(std::string(input.Open().status().message()),
              HasSubstr("- reads stdin, which is a terminal; give it a file or a pipe"));
  ::close(terminal);
}

}  // namespace
}  // namespace driftwood::agent
