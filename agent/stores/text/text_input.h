// Where a store over a text file has its text from: a file, an archive of it, a file in another
// encoding than UTF-8, a pipe or stdin. Whoever reads it sees bytes of UTF-8 at offsets.
//
// A file that is such a text already is read as it is. Any other text is written to a spool first
// (spool.h), which then is read in its place:
//
//   regular file -> watch ---------------------------------> TextFile    plain UTF-8
//   regular file -> watch -> decompress -> transcode -> spool -> TextFile
//   pipe, stdin  ----------> decompress -> transcode -> spool -> TextFile
//   spooled before ------------------------------> spool -> TextFile    what a program gave
//
// The spool of a file is made anew once the file has changed. That of a pipe or of stdin is made
// once: describing, scanning and re-reading see the same text. If it could not be made, that stays
// the answer: what is left of the pipe is not the text.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/stores/text/decode_text.h"
#include "agent/stores/text/file_snapshot.h"
#include "agent/stores/text/spool.h"
#include "merkle/mutex.h"

namespace driftwood::agent {

// A text that was spooled, and what is known of where it came from.
struct SpooledText {
  std::shared_ptr<const FileSnapshot> file;  // null: a pipe, or what a program gave
  std::unique_ptr<const Spool> spool;
  // How the file had changed once all of it was read, and why what was read is not proven to be of
  // one state. Empty: it is.
  std::string change;
  std::string not_one_state;
  std::string identity;  // as TextFile's
};

struct TextInputOptions {
  std::string path;
  std::optional<Encoding> encoding;  // as its URL says
  WallClock clock = SystemWallClock();
  int standard_input = -1;  // the descriptor that "-" stands for; -1: none
  SpoolOptions spool;
  // The text itself, in UTF-8; then `path` is only its name in messages.
  std::shared_ptr<const SpooledText> spooled{};
};

// One opening of it, for one scan. Any thread.
class TextFile final : public ByteSource {
 public:
  explicit TextFile(std::shared_ptr<const FileSnapshot> file);
  TextFile(std::string name, std::shared_ptr<const SpooledText> spooled, std::stop_token stop);

  // For messages, not escaped: its path, or "stdin".
  const std::string& name() const { return name_; }
  // It can be read once only, and is the same text whenever it is opened.
  bool IsStream() const { return file_ == nullptr; }
  uint64_t size() const override { return bytes_->size(); }
  absl::Status ReadAt(uint64_t offset, std::span<char> to) const override;
  std::string_view PlaceNote() const override { return bytes_->PlaceNote(); }
  // Of the file that it is read from, also where stdin is one. Empty: a pipe.
  std::string identity() const;

  // As FileSnapshot's. Of a spooled text: how the file changed while it was spooled.
  std::string ChangeSinceOpen() const;
  Scan::End Finish(std::string_view reading) const;

 private:
  const std::string name_;
  const std::shared_ptr<const FileSnapshot> file_;
  const std::shared_ptr<const SpooledText> spooled_;  // null: the file is read as it is
  const std::stop_token stop_;
  const ByteSource* const bytes_;
};

class TextInput {
 public:
  explicit TextInput(TextInputOptions options) : options_(std::move(options)) {
    if (options_.spooled != nullptr) stream_ = options_.spooled;
  }

  // May take as long as reading all of it. Errors as of FileWatch::Begin(), DecodeText() and Spool;
  // Aborted: it changed while it was read, and made no sense. Once `stop` is requested, by any
  // thread, this and the file's ReadAt() end with Cancelled.
  absl::StatusOr<std::unique_ptr<TextFile>> Open(std::stop_token stop = {})
      DRIFTWOOD_EXCLUDES(mutex_);

  // True only if `position` came from a TextFile's Finish(), and the file still is in that state.
  bool IsUnchanged(std::string_view reading, std::string_view position) const;

 private:
  using Spooled = std::shared_ptr<const SpooledText>;

  absl::StatusOr<Spooled> SpoolStream(const std::stop_token& stop) const;
  absl::StatusOr<std::unique_ptr<TextFile>> OpenFile(const std::stop_token& stop)
      DRIFTWOOD_REQUIRES(mutex_);
  std::string Name() const;

  const TextInputOptions options_;

  merkle::Mutex mutex_;
  std::optional<absl::StatusOr<Spooled>> stream_ DRIFTWOOD_GUARDED_BY(mutex_);  // what is kept
  Spooled of_file_ DRIFTWOOD_GUARDED_BY(mutex_);  // the last spool of a file
};

}  // namespace driftwood::agent
