// The topics of `driftwood help`: short texts, each once, for people at a terminal. The manuals in
// docs/ say more.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace driftwood::coordinator {

struct Topic {
  std::string name;
  std::string summary;    // one line, for the list of topics
  std::string_view text;  // lines of at most 80 cells; examples are indented by four blanks
};

// In the order in which they are listed.
const std::vector<Topic>& Topics();
// Null if there is none of that name.
const Topic* FindTopic(std::string_view name);
std::vector<std::string> TopicNames();

}  // namespace driftwood::coordinator
