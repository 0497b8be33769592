#include "agent/stores/text/dated_path.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "merkle/status_macros.h"
#include "merkle/text/display.h"

namespace driftwood::agent {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kBegin = "{date";
constexpr std::string_view kWhole = "YYYY-MM-DD";
constexpr std::string_view kForms =
    "write it of YYYY (or YY), MM and DD, as in {date}, {date:YYYYMMDD} or {date:DD.MM.YYYY}";

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Where the next {date} or {date:FORM} begins; npos: there is none.
size_t FindDate(std::string_view path, size_t from) {
  for (size_t at = from; (at = path.find(kBegin, at)) != std::string_view::npos; ++at) {
    const size_t next = at + kBegin.size();
    if (next < path.size() && (path[next] == '}' || path[next] == ':')) return at;
  }
  return std::string_view::npos;
}

}  // namespace

// So far as names have told it.
struct DatedPath::Found {
  std::optional<unsigned> year;
  std::optional<unsigned> month;
  std::optional<unsigned> day;

  // False: `name` is none of that form, or tells of another day.
  bool Take(const Name& form, std::string_view name) {
    for (const Piece& piece : form) {
      if (piece.kind == Piece::Kind::kText) {
        if (!name.starts_with(piece.text)) return false;
        name.remove_prefix(piece.text.size());
        continue;
      }
      const size_t width = piece.kind == Piece::Kind::kYear ? 4 : 2;
      if (name.size() < width) return false;
      unsigned number = 0;
      for (const char c : name.substr(0, width)) {
        if (c < '0' || c > '9') return false;
        number = number * 10 + static_cast<unsigned>(c - '0');
      }
      name.remove_prefix(width);
      if (!Take(piece.kind, number)) return false;
    }
    return name.empty();
  }

  std::optional<Day> Whole() const {
    const Day whole(std::chrono::year(static_cast<int>(year.value_or(0))),
                    std::chrono::month(month.value_or(0)), std::chrono::day(day.value_or(0)));
    return whole.ok() ? std::optional<Day>(whole) : std::nullopt;
  }

 private:
  bool Take(Piece::Kind kind, unsigned number) {
    constexpr unsigned kCentury = 2000;
    const bool is_year = kind == Piece::Kind::kYear || kind == Piece::Kind::kShortYear;
    if (kind == Piece::Kind::kShortYear) number += kCentury;
    std::optional<unsigned>& part = is_year ? year : kind == Piece::Kind::kMonth ? month : day;
    if (part && *part != number) return false;
    part = number;
    return true;
  }
};

// Goes down the directories whose names fit.
class DatedPath::Walk {
 public:
  explicit Walk(const std::vector<Name>& names) : names_(names) {}

  // `directory` ends with '/', or is empty; `name` is the place of what is looked for in it.
  absl::Status Down(const std::string& directory, size_t name, const Found& found) {
    if (!HasDigits(names_[name]))
      return Enter(directory + NameOf(names_[name], Day()), name, found);
    std::error_code error;
    fs::directory_iterator entries(directory.empty() ? "." : directory, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
      const std::string entry = entries->path().filename().string();
      Found with = found;
      if (with.Take(names_[name], entry)) {
        RETURN_IF_ERROR(Enter(directory + entry, name, with));
      }
    }
    return LookError("list", directory, error);
  }

  std::map<Day, std::string> TakeFiles() { return std::move(files_); }

 private:
  absl::Status Enter(const std::string& path, size_t name, const Found& found) {
    if (name + 1 < names_.size()) return Down(path + "/", name + 1, found);
    std::error_code error;
    const std::optional<Day> day = found.Whole();
    // A link to nothing (a share that is not mounted) is not passed over for an older day.
    const bool is_there = fs::exists(fs::symlink_status(path, error));
    if (day && is_there && !fs::is_directory(path, error)) files_.emplace(*day, path);
    return LookError("look at", path, error);
  }

  // What is not there holds nothing.
  static absl::Status LookError(const std::string& what, const std::string& path,
                                const std::error_code& error) {
    if (!error || error == std::errc::no_such_file_or_directory ||
        error == std::errc::not_a_directory) {
      return absl::OkStatus();
    }
    const std::string message = "can't " + what + " " + Printable(path) + ": " + error.message();
    return error == std::errc::permission_denied
               ? absl::PermissionDeniedError(message + ": let the user of the agent do so")
               : absl::FailedPreconditionError(message);
  }

  const std::vector<Name>& names_;
  std::map<Day, std::string> files_;
};

bool DatedPath::IsDated(std::string_view path) {
  return FindDate(path, 0) != std::string_view::npos;
}

bool DatedPath::HasDigits(const Name& name) {
  return std::any_of(name.begin(), name.end(),
                     [](const Piece& piece) { return piece.kind != Piece::Kind::kText; });
}

absl::StatusOr<std::vector<DatedPath::Piece>> DatedPath::PiecesOf(std::string_view path) {
  static const std::pair<std::string_view, Piece::Kind> kinds[] = {{"YYYY", Piece::Kind::kYear},
                                                                   {"YY", Piece::Kind::kShortYear},
                                                                   {"MM", Piece::Kind::kMonth},
                                                                   {"DD", Piece::Kind::kDay}};
  std::vector<Piece> pieces;
  size_t at = 0;
  for (size_t begin = 0; (begin = FindDate(path, at)) != std::string_view::npos;) {
    pieces.push_back({Piece::Kind::kText, std::string(path.substr(at, begin - at))});
    const size_t end = path.find('}', begin);
    if (end == std::string_view::npos) {
      return absl::InvalidArgumentError(Printable(path.substr(begin)) + " has no '}'; " +
                                        std::string(kForms));
    }
    const std::string_view inside = path.substr(begin + kBegin.size(), end - begin - kBegin.size());
    std::string_view form = inside.empty() ? kWhole : inside.substr(1);
    while (!form.empty()) {
      const auto kind = std::find_if(std::begin(kinds), std::end(kinds),
                                     [&](const auto& one) { return form.starts_with(one.first); });
      if (kind != std::end(kinds)) {
        pieces.push_back({kind->second});
        form.remove_prefix(kind->first.size());
      } else if (IsLetter(form[0])) {
        return absl::InvalidArgumentError(Printable(path.substr(begin, end + 1 - begin)) +
                                          " is no form of a day; " + std::string(kForms));
      } else {
        pieces.push_back({Piece::Kind::kText, std::string(1, form[0])});
        form.remove_prefix(1);
      }
    }
    at = end + 1;
  }
  pieces.push_back({Piece::Kind::kText, std::string(path.substr(at))});
  return pieces;
}

absl::StatusOr<DatedPath> DatedPath::Parse(std::string_view path) {
  ASSIGN_OR_RETURN(const std::vector<Piece> pieces, PiecesOf(path));
  const auto has = [&](Piece::Kind kind) {
    return std::any_of(pieces.begin(), pieces.end(),
                       [&](const Piece& piece) { return piece.kind == kind; });
  };
  const bool has_year = has(Piece::Kind::kYear) || has(Piece::Kind::kShortYear);
  if (!has_year || !has(Piece::Kind::kMonth) || !has(Piece::Kind::kDay)) {
    return absl::InvalidArgumentError(Printable(path) + " does not say the whole day; " +
                                      std::string(kForms));
  }
  DatedPath dated;
  dated.names_.emplace_back();
  for (const Piece& piece : pieces) {
    if (piece.kind != Piece::Kind::kText) {
      dated.names_.back().push_back(piece);
      continue;
    }
    std::string_view text = piece.text;
    for (size_t slash = 0; (slash = text.find('/')) != std::string_view::npos;) {
      if (slash > 0) {
        dated.names_.back().push_back({Piece::Kind::kText, std::string(text.substr(0, slash))});
      }
      dated.names_.emplace_back();
      text.remove_prefix(slash + 1);
    }
    if (!text.empty()) dated.names_.back().push_back({Piece::Kind::kText, std::string(text)});
  }
  return dated;
}

std::string DatedPath::Of(const Day& day) const {
  std::string path;
  for (size_t i = 0; i < names_.size(); ++i) path += (i > 0 ? "/" : "") + NameOf(names_[i], day);
  return path;
}

std::string DatedPath::NameOf(const Name& name, const Day& day) {
  const std::string digits = DayText(day);  // YYYY-MM-DD
  std::string text;
  for (const Piece& piece : name) {
    switch (piece.kind) {
      case Piece::Kind::kText:
        text += piece.text;
        break;
      case Piece::Kind::kYear:
        text += digits.substr(0, 4);
        break;
      case Piece::Kind::kShortYear:
        text += digits.substr(2, 2);
        break;
      case Piece::Kind::kMonth:
        text += digits.substr(5, 2);
        break;
      case Piece::Kind::kDay:
        text += digits.substr(8, 2);
        break;
    }
  }
  return text;
}

absl::StatusOr<std::map<Day, std::string>> DatedPath::Files() const {
  Walk walk(names_);
  RETURN_IF_ERROR(walk.Down("", 0, {}));
  return walk.TakeFiles();
}

}  // namespace driftwood::agent
