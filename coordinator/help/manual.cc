#include "coordinator/help/manual.h"

#include "coordinator/help/help_text.h"
#include "coordinator/help/topics.h"
#include "merkle/text/man_page.h"

namespace driftwood::coordinator {

namespace {

std::string UpperCase(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

}  // namespace

std::string ManualPage(std::string_view version) {
  ManPage page;
  page.name = "driftwood";
  page.version = version;
  page.summary = "find where copies of a dataset differ, across stores";
  page.synopsis = {"driftwood [diff] [OPTIONS] COPY COPY…", "driftwood help [TOPIC]"};
  page.description =
      "Compares two or more copies of a dataset and names the records that differ, without moving "
      "the data. A copy is a file, a store's URL such as sqlite:PATH?table=T, or a running agent's "
      "dataset.\n\nCommands:\n\n";
  for (const CommandHelp& command : Commands()) {
    page.description += "    " + command.name + ": " + command.summary + "\n";
  }
  page.options = DiffOptionHelp();
  for (const Topic& topic : Topics()) {
    const std::string title = topic.name == "exit-codes" ? "EXIT STATUS" : UpperCase(topic.name);
    page.sections.push_back({title, std::string(topic.text)});
  }
  page.see_also = {"driftwood-agent(1)"};
  return ManPageText(page);
}

}  // namespace driftwood::coordinator
