// Single records of a JSON API, by their keys.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/stores/http/http_client.h"
#include "agent/stores/http/http_description.h"

namespace driftwood::agent {

// What the API answers for `keys`, each a JSON object a line: lines as asked/answers.h reads them.
// `description` has a path for lookups. Errors as of HttpClient::Get(); InvalidArgument: that path
// lacks a part of the key.
absl::StatusOr<std::string> HttpAnswers(const HttpDescription& description, HttpClient* client,
                                        std::string_view keys, const std::stop_token& stop);

}  // namespace driftwood::agent
