// html: one page without scripts or anything from elsewhere. It holds the table format's text, so
// that there is one place that says what people are told.
#include <string>
#include <string_view>

#include "coordinator/report/database_report.h"
#include "coordinator/report/datasets_report.h"
#include "coordinator/report/report.h"
#include "merkle/status_macros.h"
#include "merkle/text/display.h"

namespace driftwood::coordinator {

namespace {

// Also as an attribute's value.
std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

const char* ColourOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kIdentical:
      return "#1a7f37";
    case Verdict::kDivergent:
      return "#b42318";
    case Verdict::kIncomplete:
    case Verdict::kError:
      break;
  }
  return "#8a5a00";
}

// The first line of a text becomes its heading, the rest stands as it is.
class PageSink {
 public:
  explicit PageSink(const ReportSink& sink) : sink_(sink) {}

  absl::Status operator()(std::string_view text) {
    if (in_heading_) {
      const size_t end = text.find('\n');
      RETURN_IF_ERROR(sink_(Escaped(text.substr(0, end))));
      if (end == std::string_view::npos) return absl::OkStatus();
      in_heading_ = false;
      RETURN_IF_ERROR(sink_("</h1>\n<pre>\n"));
      text.remove_prefix(end + 1);
    }
    return sink_(Escaped(text));
  }
  absl::Status End() { return sink_(in_heading_ ? "</h1>\n" : "</pre>\n"); }

 private:
  const ReportSink& sink_;
  bool in_heading_ = true;
};

std::string OriginText(const ReportOrigin& origin) {
  std::string text = "driftwood " + origin.version + " on " + origin.host + ", " +
                     origin.started_at + " to " + origin.finished_at;
  for (const ReportOption& option : origin.options) {
    text += (&option == &origin.options.front() ? "; " : " ") + option.name;
    for (const std::string& value : option.values) text += " " + value;
  }
  return EscapeForDisplay(text);
}

template <typename AnyReport>
absl::Status WritePage(const AnyReport& report, TableStyle style, const ReportSink& sink) {
  style.colour = false;  // by what a terminal acts on
  RETURN_IF_ERROR(
      sink("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta http-equiv=\"Content-Security-Policy\" "
           "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>" +
           Escaped(VerdictLine(report)) +
           "</title>\n<style>\n"
           "body { font-family: sans-serif; margin: 2em; }\n"
           "h1 { font-size: 1.2em; color: " +
           ColourOf(report.verdict) +
           "; }\n"
           "pre { overflow-x: auto; }\n"
           "footer { color: #555; font-size: 0.9em; }\n"
           "</style>\n</head>\n<body>\n<h1>"));
  PageSink page(sink);
  RETURN_IF_ERROR(WriteTable(report, style, [&](std::string_view text) { return page(text); }));
  RETURN_IF_ERROR(page.End());
  if (report.origin) {
    RETURN_IF_ERROR(sink("<footer>" + Escaped(OriginText(*report.origin)) + "</footer>\n"));
  }
  return sink("</body>\n</html>\n");
}

}  // namespace

absl::Status WriteHtml(const Report& report, const TableStyle& style, const ReportSink& sink) {
  return WritePage(report, style, sink);
}

absl::Status WriteHtml(const DatabaseReport& report, const TableStyle& style,
                       const ReportSink& sink) {
  return WritePage(report, style, sink);
}

absl::Status WriteHtml(const DatasetsReport& report, const TableStyle& style,
                       const ReportSink& sink) {
  return WritePage(report, style, sink);
}

}  // namespace driftwood::coordinator
