// The output directory, and text as people like to see it.
#pragma once

#include "metrics.hpp"
#include "options.hpp"
#include <lockstep/io/checkpoint_directory.hpp>

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace gpt {

/// Prepares the output directory for a run that starts after `step`. Throws IoError, also rather than touch the
/// results of another run.
inline Metrics open_output(const Options& options, std::int64_t step) {
  if (!options.resume && !options.overwrite && lockstep::path_exists(options.metrics())) {
    throw lockstep::IoError(lockstep::concat("'", options.output,
                                             "' has the results of another run: go on with --resume, replace them with "
                                             "--overwrite, or choose another directory with --output"));
  }
  lockstep::make_directories(options.output);
  Metrics metrics(options.metrics(), options.resume, step);
  if (options.overwrite) lockstep::remove_tree(options.checkpoint());
  return metrics;
}

/// Writes a file so that its name stands for the whole old or new content.
inline void write_text(const std::string& path, std::string_view text) {
  const lockstep::FileDescriptor file = lockstep::open_file(path + ".new", O_WRONLY | O_CREAT | O_TRUNC);
  lockstep::write_all(file, text.data(), text.size(), path);
  lockstep::rename_path(path + ".new", path);
}

inline std::string decimals(double value, int count) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", count, value);
  return text;
}

/// Each line behind a mark.
inline std::string indented(std::string_view text) {
  std::string result = "  | ";
  for (const char c : text) {
    result += c;
    if (c == '\n') result += "  | ";
  }
  return result;
}

}  // namespace gpt
