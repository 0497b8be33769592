#include "coordinator/help/help_text.h"

#include <algorithm>
#include <utility>

#include "coordinator/diff/option_tables.h"
#include "coordinator/diff/progress.h"
#include "coordinator/help/topics.h"
#include "coordinator/report/report.h"
#include "merkle/text/display.h"
#include "merkle/text/names.h"
#include "merkle/text/redaction.h"
#include "proto/contract/reading_options.h"

namespace driftwood::coordinator {

namespace {

constexpr char kGeneral[] = "General";

OptionHelp MakeOption(std::string_view short_name, const char* name, const char* value_name,
                      std::string help, OptionGroup group) {
  OptionHelp option;
  if (!short_name.empty()) option.names.emplace_back(short_name);
  option.names.emplace_back(name);
  option.value_name = value_name;
  option.help = std::move(help);
  option.group = kOptionGroups[static_cast<size_t>(group)];
  return option;
}

std::vector<std::string> ChoicesOf(std::string_view name) {
  if (name == "--format") return ReportFormatNames();
  if (name == "--progress") return ProgressNames();
  return {};
}

std::string Capitalised(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 32);
  return text;
}

// "agents", padded, and its summary.
std::string Entry(std::string name, const std::string& summary) {
  constexpr size_t kWidth = 14;
  name.resize(std::max(kWidth, name.size() + 1), ' ');
  return "  " + name + summary + "\n";
}

}  // namespace

const std::vector<CommandHelp>& Commands() {
  static const std::vector<CommandHelp> commands = {
      {"diff", "Compare copies of a dataset, and name the rows that differ"},
      {"config", "config check FILE says what is wrong in a configuration file"},
      {"help", "Say more about a topic or a command"},
      {"version", "Print the version"},
      {"completions", "Print a script for the completions of bash, zsh or fish"},
      {"manual", "Print the manual page, for man -l -"},
  };
  return commands;
}

std::vector<OptionHelp> ProgramOptions() {
  return {{{"-h", "--help"}, "", "Print this help", kGeneral},
          {{"-V", "--version"}, "", "Print the version", kGeneral}};
}

std::vector<OptionHelp> DiffOptionHelp() {
  std::vector<OptionHelp> options;
  for (const FlagOption& o : kFlagOptions) {
    options.push_back(MakeOption(o.short_name, o.name, "", o.help, o.group));
  }
  for (const ListOption& o : kListOptions) {
    options.push_back(MakeOption(o.short_name, o.name, o.value_name, o.help, o.group));
  }
  for (const TextOption& o : kTextOptions) {
    options.push_back(MakeOption(o.short_name, o.name, o.value_name, o.help, o.group));
    options.back().choices = ChoicesOf(o.name);
  }
  for (const NumberOption& o : kNumberOptions) {
    options.push_back(MakeOption("", o.name, o.value_name, o.help, o.group));
  }
  for (const ReadingOption& o : kReadingOptions) {
    options.push_back(
        MakeOption("", o.name, o.value_name, Capitalised(o.help), OptionGroup::kStores));
  }
  const auto group = [](const OptionHelp& option) {
    return std::find(kOptionGroups.begin(), kOptionGroups.end(), option.group);
  };
  std::stable_sort(options.begin(), options.end(),
                   [&](const OptionHelp& a, const OptionHelp& b) { return group(a) < group(b); });
  options.push_back({{"-h", "--help"}, "", "Print this help", kGeneral});
  return options;
}

std::string ProgramHelp(size_t columns) {
  std::string text = "Finds the rows in which copies of a dataset differ.\n\n";
  text += FindTopic("examples")->text;
  text +=
      "\nUsage: driftwood [diff] [OPTIONS] COPY COPY…\n"
      "       driftwood COMMAND …\n\nCommands:\n";
  for (const CommandHelp& command : Commands()) text += Entry(command.name, command.summary);
  text += "\nTopics (driftwood help TOPIC):\n";
  for (const Topic& topic : Topics()) text += Entry(topic.name, topic.summary);
  return text + "\n" + OptionListText(ProgramOptions(), columns) +
         "\ndriftwood diff --help lists the options of a comparison.\n";
}

std::string DiffHelp(size_t columns) {
  const std::string_view codes = FindTopic("exit-codes")->text;
  return "Usage: driftwood [diff] [OPTIONS] COPY COPY…\n\n" +
         Wrapped(
             "Compares two or more copies of a dataset and names the rows that differ. A "
             "copy is a file, a store's URL such as sqlite:PATH?table=T, or a running agent's "
             "dataset (driftwood help urls).",
             columns) +
         "\n" + OptionListText(DiffOptionHelp(), columns) + "\nExit codes:\n" +
         std::string(codes.substr(0, codes.find("\n\n"))) +
         "\n\ndriftwood help lists examples and topics.\n";
}

absl::StatusOr<std::string> HelpOn(const std::string& word, size_t columns) {
  if (word.empty() || word == "help") return ProgramHelp(columns);
  if (word == "diff") return DiffHelp(columns);
  if (const Topic* const topic = FindTopic(word)) return std::string(topic->text);
  for (const CommandHelp& command : Commands()) {
    if (word == command.name) return "driftwood " + word + ": " + command.summary + "\n";
  }
  std::vector<std::string> known = TopicNames();
  for (const CommandHelp& command : Commands()) known.push_back(command.name);
  const std::optional<std::string> nearest = NearestName(word, known);
  return absl::InvalidArgumentError(
      "no help on '" + merkle::Redacted(word) + "'" +
      (nearest ? " (did you mean 'driftwood help " + *nearest + "'?)" : "") + "; there are " +
      JoinNames(TopicNames()));
}

}  // namespace driftwood::coordinator
