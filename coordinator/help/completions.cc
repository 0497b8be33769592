#include "coordinator/help/completions.h"

#include <string_view>

#include "coordinator/help/help_text.h"
#include "coordinator/help/topics.h"
#include "merkle/text/display.h"
#include "merkle/text/names.h"
#include "merkle/text/redaction.h"

namespace driftwood::coordinator {

namespace {

std::string Join(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : std::string(separator)) + word;
  return text;
}

std::vector<std::string> CommandNames() {
  std::vector<std::string> names;
  for (const CommandHelp& command : Commands()) names.push_back(command.name);
  return names;
}

std::vector<std::string> HelpWords() {
  std::vector<std::string> words = TopicNames();
  for (std::string& name : CommandNames()) words.push_back(std::move(name));
  return words;
}

// Up to the first of what a list of options has no room for.
std::string Brief(const std::string& help) { return help.substr(0, help.find_first_of(":;(")); }

std::string Escaped(std::string_view text, std::string_view special) {
  std::string escaped;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

// In single quotes, as bash and zsh read them.
std::string Quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

bool IsPath(const OptionHelp& option) {
  return option.value_name == "FILE" || option.value_name == "DIR";
}

// What stands behind an option that has a value is completed as that value.
std::string Bash() {
  std::string cases, all;
  std::vector<std::string> plain;  // whose values can't be known
  for (const OptionHelp& option : DiffOptionHelp()) {
    all += (all.empty() ? "" : " ") + Join(option.names, " ");
    if (option.value_name.empty()) continue;
    const std::string names = Join(option.names, "|");
    if (!option.choices.empty()) {
      cases += "    " + names + ") words='" + Join(option.choices, " ") + "' ;;\n";
    } else if (IsPath(option)) {
      cases += "    " + names + ") return ;;\n";
    } else {
      plain.push_back(names);
    }
  }
  return "# bash completion of driftwood: source <(driftwood completions bash)\n"
         "_driftwood() {\n"
         "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=''\n"
         "  COMPREPLY=()\n"
         "  if [[ $cur == '=' ]]; then cur=''\n"
         "  elif [[ $prev == '=' ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}\n"
         "  fi\n"
         "  case $prev in\n" +
         cases + "    " + Join(plain, "|") +
         ") compopt +o default +o bashdefault; return ;;\n"
         "    help) ((COMP_CWORD == 2)) && words='" +
         Join(HelpWords(), " ") +
         "' ;;\n"
         "    completions) ((COMP_CWORD == 2)) && words='" +
         Join(CompletionShells(), " ") +
         "' ;;\n"
         "  esac\n"
         "  if [[ -z $words && $cur == -* ]]; then words='" +
         all +
         "'\n"
         "  elif [[ -z $words ]] && ((COMP_CWORD == 1)); then words='" +
         Join(CommandNames(), " ") +
         "'\n"
         "  fi\n"
         "  [[ -n $words ]] && mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
         "}\n"
         "complete -o bashdefault -o default -F _driftwood driftwood\n";
}

std::string Zsh() {
  std::string options;
  for (const OptionHelp& option : DiffOptionHelp()) {
    std::string value;
    if (!option.value_name.empty()) {
      value = ":" + Escaped(option.value_name, ":") + ":";
      if (!option.choices.empty()) value += "(" + Join(option.choices, " ") + ")";
      if (IsPath(option)) value += "_files";
    }
    const std::string text = Quoted("[" + Escaped(Brief(option.help), "[]:") + "]" + value);
    for (const std::string& name : option.names) options += " \\\n    " + name + text;
  }
  return "#compdef driftwood\n"
         "# zsh completion of driftwood: put it into a directory of $fpath as _driftwood, or\n"
         "# source <(driftwood completions zsh)\n"
         "_driftwood() {\n"
         "  case ${words[2]} in\n"
         "    help) (( CURRENT == 3 )) && compadd -- " +
         Join(HelpWords(), " ") +
         "; return ;;\n"
         "    completions) (( CURRENT == 3 )) && compadd -- " +
         Join(CompletionShells(), " ") +
         "; return ;;\n"
         "  esac\n"
         "  (( CURRENT == 2 )) && compadd -- " +
         Join(CommandNames(), " ") +
         "\n"
         "  _arguments" +
         options +
         " \\\n    '*:copy:_files'\n"
         "}\n"
         "if [[ ${funcstack[1]} == _driftwood ]]; then _driftwood \"$@\"\n"
         "else compdef _driftwood driftwood\n"
         "fi\n";
}

// Fish reads \' and \\ in single quotes.
std::string Fish() {
  const auto quoted = [](std::string_view text) { return "'" + Escaped(text, "'\\") + "'"; };
  std::string script = "# fish completion of driftwood: driftwood completions fish | source\n";
  for (const CommandHelp& command : Commands()) {
    script += "complete -c driftwood -n __fish_use_subcommand -a " + command.name + " -d " +
              quoted(command.summary) + "\n";
  }
  for (const Topic& topic : Topics()) {
    script += "complete -c driftwood -n '__fish_seen_subcommand_from help' -f -a " + topic.name +
              " -d " + quoted(topic.summary) + "\n";
  }
  script += "complete -c driftwood -n '__fish_seen_subcommand_from completions' -f -a '" +
            Join(CompletionShells(), " ") + "'\n";
  for (const OptionHelp& option : DiffOptionHelp()) {
    script += "complete -c driftwood";
    for (const std::string& name : option.names) {
      script += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    }
    if (!option.value_name.empty()) script += IsPath(option) ? " -r -F" : " -x";
    if (!option.choices.empty()) script += " -a '" + Join(option.choices, " ") + "'";
    script += " -d " + quoted(Brief(option.help)) + "\n";
  }
  return script;
}

}  // namespace

const std::vector<std::string>& CompletionShells() {
  static const std::vector<std::string> shells = {"bash", "zsh", "fish"};
  return shells;
}

absl::StatusOr<std::string> CompletionScript(const std::string& shell) {
  if (shell == "bash") return Bash();
  if (shell == "zsh") return Zsh();
  if (shell == "fish") return Fish();
  return absl::InvalidArgumentError("no completions for '" + merkle::Redacted(shell) + "'" +
                                    DidYouMean(shell, CompletionShells()) + "; there are " +
                                    JoinAnd(CompletionShells()));
}

}  // namespace driftwood::coordinator
