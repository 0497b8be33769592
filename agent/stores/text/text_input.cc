#include "agent/stores/text/text_input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/source/messages.h"
#include "merkle/check.h"
#include "merkle/status_macros.h"
#include "proto/contract/standard_input.h"

namespace driftwood::agent {
namespace {

// Not opened to find out: a pipe whose reader goes away ends its writer.
bool IsPipe(const std::string& path) {
  struct stat stat = {};
  return ::stat(path.c_str(), &stat) == 0 && S_ISFIFO(stat.st_mode);
}

absl::StatusOr<std::unique_ptr<ByteStream>> OpenStandardInput(int descriptor,
                                                              const std::string& path,
                                                              const std::stop_token& stop) {
  if (descriptor < 0)
    return absl::InvalidArgumentError(
        Printable(path) + ": this agent has no stdin to read; name a file, or a named pipe");
  if (::isatty(descriptor) != 0)
    return absl::InvalidArgumentError(
        Printable(path) +
        " reads stdin, which is a terminal; give it a file or a pipe, as in "
        "'gzip -dc data.csv.gz | driftwood diff csv:- …'");
  merkle::UniqueFd own(::fcntl(descriptor, F_DUPFD_CLOEXEC, 3));
  if (own.get() < 0)
    return absl::FailedPreconditionError(
        Printable(path) + " reads stdin, which can't be read: " + std::strerror(errno));
  return DescriptorStream::Of(std::move(own), "stdin", stop);
}

}  // namespace

TextFile::TextFile(std::shared_ptr<const FileSnapshot> file)
    : name_(file->path()), file_(std::move(file)), bytes_(file_.get()) {}

TextFile::TextFile(std::string name, std::shared_ptr<const SpooledText> spooled,
                   std::stop_token stop)
    : name_(std::move(name)),
      file_(spooled->file),
      spooled_(std::move(spooled)),
      stop_(std::move(stop)),
      bytes_(spooled_->spool.get()) {}

absl::Status TextFile::ReadAt(uint64_t offset, std::span<char> to) const {
  if (stop_.stop_requested())
    return absl::CancelledError("cancelled while reading " + Printable(name_));
  return bytes_->ReadAt(offset, to);
}

std::string TextFile::identity() const {
  return file_ != nullptr ? file_->identity() : spooled_->identity;
}

std::string TextFile::ChangeSinceOpen() const {
  return spooled_ != nullptr ? spooled_->change : file_->ChangeSinceOpen();
}

Scan::End TextFile::Finish(std::string_view reading) const {
  if (spooled_ == nullptr) return file_->Finish(reading);
  Scan::End end;
  end.not_point_in_time = spooled_->not_one_state;
  // What is gone once it was read proves nothing.
  if (end.not_point_in_time.empty() && file_ != nullptr) end.position = file_->Position(reading);
  return end;
}

absl::StatusOr<std::unique_ptr<TextFile>> TextInput::Open(std::stop_token stop) {
  merkle::MutexLock lock(&mutex_);
  if (!stream_ && (IsStandardInput(options_.path) || IsPipe(options_.path))) {
    stream_ = SpoolStream(stop);
    if (absl::IsCancelled(stream_->status())) {
      const absl::Status stopped = stream_->status();
      stream_ = absl::FailedPreconditionError(
          Printable(Name()) +
          " was read in part for a call that was stopped, and can be read once only; run it anew");
      return stopped;
    }
  }
  if (!stream_) return OpenFile(stop);
  RETURN_IF_ERROR(stream_->status());
  return std::make_unique<TextFile>(Name(), **stream_, std::move(stop));
}

bool TextInput::IsUnchanged(std::string_view reading, std::string_view position) const {
  if (options_.spooled != nullptr) return false;
  if (IsStandardInput(options_.path) || IsPipe(options_.path)) return false;
  return FileSnapshot::IsUnchanged(options_.path, reading, position);
}

std::string TextInput::Name() const {
  if (options_.spooled != nullptr) return options_.path;
  return IsStandardInput(options_.path) ? "stdin" : options_.path;
}

absl::StatusOr<TextInput::Spooled> TextInput::SpoolStream(const std::stop_token& stop) const {
  std::unique_ptr<ByteStream> bytes;
  std::unique_ptr<FileSnapshot> redirected;
  if (IsStandardInput(options_.path)) {
    ASSIGN_OR_RETURN(bytes, OpenStandardInput(options_.standard_input, options_.path, stop));
    // A file that is written to while it is read does so here as elsewhere.
    struct stat stat = {};
    if (::fstat(options_.standard_input, &stat) == 0 && S_ISREG(stat.st_mode)) {
      ASSIGN_OR_RETURN(redirected,
                       FileSnapshot::Open("/dev/fd/" + std::to_string(options_.standard_input),
                                          options_.clock, stop));
    }
  } else {
    ASSIGN_OR_RETURN(bytes, DescriptorStream::OpenPipe(options_.path, stop));
  }
  ASSIGN_OR_RETURN(const DecodedText decoded,
                   DecodeText(std::move(bytes), options_.encoding, "", Name()));
  auto spooled = std::make_shared<SpooledText>();
  ASSIGN_OR_RETURN(spooled->spool,
                   Spool::Of(*decoded.text, Name(), decoded.PlaceNote(), options_.spool));
  if (redirected != nullptr) {
    spooled->identity = redirected->identity();
    spooled->change = redirected->ChangeSinceOpen();
    if (!spooled->change.empty())
      spooled->not_one_state = "stdin changed while it was read: " + spooled->change;
  }
  return spooled;
}

absl::StatusOr<std::unique_ptr<TextFile>> TextInput::OpenFile(const std::stop_token& stop) {
  if (of_file_ != nullptr && of_file_->not_one_state.empty() &&
      of_file_->file->ChangeSinceOpen().empty())
    return std::make_unique<TextFile>(Name(), of_file_, stop);
  of_file_.reset();
  ASSIGN_OR_RETURN(std::shared_ptr<const FileSnapshot> file,
                   FileSnapshot::Open(options_.path, options_.clock, stop));
  const auto spool = [&]() -> absl::StatusOr<std::unique_ptr<Spool>> {
    ASSIGN_OR_RETURN(const DecodedText decoded,
                     DecodeText(std::make_unique<SourceStream>(*file), options_.encoding,
                                options_.path, Name()));
    if (decoded.IsPlain()) return std::unique_ptr<Spool>();
    return Spool::Of(*decoded.text, Name(), decoded.PlaceNote(), options_.spool);
  };
  auto spooled = std::make_shared<SpooledText>();
  absl::StatusOr<std::unique_ptr<Spool>> made = spool();
  spooled->change = file->ChangeSinceOpen();
  if (!made.ok() && made.status().code() == absl::StatusCode::kInvalidArgument &&
      !spooled->change.empty())
    return absl::AbortedError(Printable(Name()) + " changed while it was read (" + spooled->change +
                              "), and made no sense (" + std::string(made.status().message()) +
                              "); compare it again when nothing writes to it");
  RETURN_IF_ERROR(made.status());
  if (*made == nullptr) return std::make_unique<TextFile>(std::move(file));
  spooled->spool = *std::move(made);
  spooled->not_one_state = file->Finish("").not_point_in_time;
  spooled->file = std::move(file);
  of_file_ = std::move(spooled);
  return std::make_unique<TextFile>(Name(), of_file_, stop);
}

}  // namespace driftwood::agent
