#include "merkle/text/man_page.h"

namespace driftwood {

namespace {

// As plain text: a hyphen would become a typographic one, which can't be pasted into a shell, and a
// line that begins with a dot or an apostrophe is a request.
std::string Plain(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) {
      out += std::string("\\&") + c;
    } else {
      out += c;
    }
  }
  return out;
}

std::string Bold(std::string_view text) { return "\\fB" + Plain(text) + "\\fR"; }

// In double quotes, as a request's argument.
std::string Argument(std::string_view text) {
  std::string out = "\"";
  for (const char c : Plain(text)) out += c == '"' ? std::string("\\(dq") : std::string(1, c);
  return out + "\"";
}

std::string Section(std::string_view title) { return ".SH " + Argument(title) + "\n"; }

// Paragraphs are filled; lines that begin with blanks stand as they are.
std::string Body(std::string_view text) {
  std::string out;
  bool as_is = false;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? "" : text.substr(end + 1);
    if (line.empty()) {
      if (!as_is) out += ".PP\n";
      if (as_is) out += "\n";
      continue;
    }
    const bool indented = line.front() == ' ';
    if (indented != as_is) out += indented ? ".PP\n.nf\n" : ".fi\n.PP\n";
    as_is = indented;
    out += Plain(line) + "\n";
  }
  return out + (as_is ? ".fi\n" : "");
}

std::string Options(const std::vector<OptionHelp>& options) {
  std::string out;
  std::string_view group;
  for (const OptionHelp& option : options) {
    if (option.group != group) out += ".SS " + Argument(option.group) + "\n";
    group = option.group;
    std::string names;
    for (const std::string& name : option.names) names += (names.empty() ? "" : ", ") + Bold(name);
    if (!option.value_name.empty()) names += " \\fI" + Plain(option.value_name) + "\\fR";
    out += ".TP\n" + names + "\n" + Plain(option.help) + "\n";
  }
  return out;
}

}  // namespace

std::string ManPageText(const ManPage& page) {
  std::string title = page.name;
  for (char& c : title) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  std::string out = ".TH " + Argument(title) + " 1 \"\" " +
                    Argument(page.name + " " + page.version) + "\n" + Section("NAME") +
                    Plain(page.name) + " \\- " + Plain(page.summary) + "\n" + Section("SYNOPSIS");
  for (const std::string& form : page.synopsis) out += Bold(form) + "\n.br\n";
  out += Section("DESCRIPTION") + Body(page.description) + Section("OPTIONS");
  out += Options(page.options);
  for (const ManSection& section : page.sections) {
    out += Section(section.title) + Body(section.text);
  }
  if (!page.see_also.empty()) out += Section("SEE ALSO");
  for (const std::string& other : page.see_also) out += Plain(other) + "\n";
  return out;
}

}  // namespace driftwood
