// What a message says to add to a command, as it is typed into a shell.
#pragma once

#include <string>
#include <string_view>

namespace driftwood {

// `word` as one word of a POSIX shell, quoted only where it has to be: a b → 'a b'. What a terminal
// would not show as it is (control characters, bytes that are no UTF-8, characters without width)
// makes it $'…', which bash, zsh and ksh read.
std::string ShellWord(std::string_view word);

}  // namespace driftwood
