// The text: read from files, or all headers of this library; its end is held out.
#pragma once

#include <lockstep/core/file.hpp>
#include <lockstep/io/file_operations.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#ifndef EXAMPLES_HEADERS  // the build gives the absolute path
#define EXAMPLES_HEADERS "include/lockstep"
#endif

namespace gpt {

/// The bytes to train on, and those that training never sees. Both refer to the corpus.
struct Split {
  std::span<const char> training, held_out;
};

/// The files of a directory and below it whose names end in `suffix`, in alphabetical order.
inline void find_files(const std::string& directory, const std::string& suffix, std::vector<std::string>& found) {
  for (const std::string& name : lockstep::list_directory(directory)) {
    const std::string path = lockstep::concat(directory, "/", name);
    if (lockstep::is_directory(path)) {
      find_files(path, suffix, found);
    } else if (name.ends_with(suffix)) {
      found.push_back(path);
    }
  }
}

/// The content of the files one after another; of this library's headers when there are none. Throws IoError.
inline std::string read_corpus(std::vector<std::string> files) {
  if (files.empty()) {
    const std::string headers = EXAMPLES_HEADERS;
    if (!lockstep::is_directory(headers)) {
      throw lockstep::IoError(
          lockstep::concat("the library's headers are not in '", headers, "' any more; use --data"));
    }
    find_files(headers, ".hpp", files);
  }
  std::string corpus;
  for (const std::string& file : files) corpus += lockstep::read_file(file);
  return corpus;
}

/// Cuts a corpus in two. Throws ArgumentError when a part does not have a single window of `context` bytes.
inline Split split_corpus(const std::string& corpus, double held_out_share, std::int64_t context) {
  const auto window = static_cast<std::size_t>(context) + 1;  // the last byte is a target only
  auto held_out = static_cast<std::size_t>(static_cast<double>(corpus.size()) * held_out_share);
  if (held_out > 0) held_out = (held_out - 1) / (window - 1) * (window - 1) + 1;  // whole windows
  const std::size_t training = corpus.size() - held_out;
  if (training < window || held_out < window) {
    throw lockstep::ArgumentError(lockstep::concat(
        "the text has ", corpus.size(), " bytes, ", training, " to train and ", held_out,
        " held out; each part needs one window of ", window,
        " bytes (--context and one more): give more --data, a shorter --context, or another --held-out"));
  }
  const std::span<const char> all(corpus);
  return {all.first(training), all.last(held_out)};
}

}  // namespace gpt
