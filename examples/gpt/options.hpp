// The command line: one table from which reading, checking and --help follow.
#pragma once

#include <lockstep/core/error.hpp>

#include <getopt.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <variant>
#include <vector>

namespace gpt {

/// What a run can be told.
struct Options {
  std::int64_t width = 128, depth = 4, heads = 4, context = 64;
  std::int64_t batch = 8, steps = 4000, warmup = 200, seed = 0;
  double learning_rate = 4e-3, weight_decay = 0.1, max_gradient_norm = 1, dropout = 0;
  std::vector<std::string> data;
  double held_out = 0.05;
  std::string output = "gpt-output";
  bool resume = false, overwrite = false;
  std::int64_t log_interval = 10, evaluation_interval = 0, checkpoint_interval = 0;
  std::string prompt = "\n";
  std::int64_t sample_length = 400;
  double temperature = 0.7;
  bool detect_anomaly = false, help = false;

  std::string checkpoint() const { return output + "/checkpoint"; }
  std::string metrics() const { return output + "/metrics.jsonl"; }
  std::string loss_curve() const { return output + "/loss_curve.svg"; }
};

/// A wrong command line.
struct UsageError : lockstep::ArgumentError {
  using ArgumentError::ArgumentError;
};

namespace detail {

using Member = std::variant<std::int64_t Options::*, double Options::*, std::string Options::*, bool Options::*,
                            std::vector<std::string> Options::*>;

struct Option {
  const char* name;
  const char* argument;  // null for a switch
  Member member;
  double low, high;  // limits of numbers
  const char* help;
  const char* group = nullptr;  // the heading above it
};

constexpr double unlimited = std::numeric_limits<double>::infinity();
constexpr double million = 1e6;

inline constexpr Option table[] = {
    {"width", "N", &Options::width, 1, 65536, "size of the vector that stands for a position", "Model"},
    {"depth", "N", &Options::depth, 1, 1024, "number of blocks"},
    {"heads", "N", &Options::heads, 1, 65536, "attention heads per block; must divide the width"},
    {"context", "N", &Options::context, 1, million, "bytes that the model sees at most"},
    {"dropout", "P", &Options::dropout, 0, 1, "probability with which a block's result is dropped"},
    {"data", "FILE...", &Options::data, 0, 0, "text to learn (default: the headers of this library)", "Training"},
    {"held-out", "SHARE", &Options::held_out, 0, 0.9, "share of the text, at its end, that is kept from training"},
    {"batch", "N", &Options::batch, 1, million, "windows per rank and step"},
    {"steps", "N", &Options::steps, 1, 1e12, "optimizer steps in all"},
    {"warmup", "N", &Options::warmup, 0, 1e12, "steps over which the learning rate rises; then a cosine to 0"},
    {"learning-rate", "X", &Options::learning_rate, 0, unlimited, "the highest learning rate"},
    {"weight-decay", "X", &Options::weight_decay, 0, 1000, "of AdamW, for weights; not for biases and norms"},
    {"max-gradient-norm", "X", &Options::max_gradient_norm, 0, unlimited, "gradients are scaled down to this norm"},
    {"seed", "N", &Options::seed, 0, 9e15, "of first values, the order of the data, and the sample"},
    {"output", "DIR", &Options::output, 0, 0, "where results go", "Results"},
    {"resume", nullptr, &Options::resume, 0, 0, "go on from the checkpoint in the output directory"},
    {"overwrite", nullptr, &Options::overwrite, 0, 0,
     "replace an earlier run in the output directory, unless it is resumed"},
    {"log-interval", "N", &Options::log_interval, 1, 1e12, "steps between lines of metrics.jsonl"},
    {"evaluation-interval", "N", &Options::evaluation_interval, 0, 1e12, "steps between evaluations (0: ten in all)"},
    {"checkpoint-interval", "N", &Options::checkpoint_interval, 0, 1e12, "steps between checkpoints (0: four in all)"},
    {"prompt", "TEXT", &Options::prompt, 0, 0, "what the sample begins with"},
    {"sample-length", "N", &Options::sample_length, 0, million, "bytes of text that the trained model writes"},
    {"temperature", "X", &Options::temperature, 0, 1000, "of the sample; 0 takes the likeliest byte"},
    {"detect-anomaly", nullptr, &Options::detect_anomaly, 0, 0, "find the op that makes the first NaN; slow", "Other"},
    {"help", nullptr, &Options::help, 0, 0, "this text"},
};

inline std::string default_text(const Option& option) {
  const Options defaults;
  if (const auto* whole = std::get_if<std::int64_t Options::*>(&option.member)) {
    return lockstep::concat(" [", defaults.*(*whole), "]");
  }
  if (const auto* real = std::get_if<double Options::*>(&option.member)) {
    return lockstep::concat(" [", defaults.*(*real), "]");
  }
  if (option.member == Member(&Options::output)) return lockstep::concat(" [", defaults.output, "]");
  return "";
}

inline double read_number(const Option& option, const char* text, bool whole) {
  char* end = nullptr;
  errno = 0;
  const double value = std::strtod(text, &end);
  const bool fits = end != text && *end == '\0' && value >= option.low && value <= option.high &&
                    (!whole || value == static_cast<double>(static_cast<std::int64_t>(value)));
  if (fits) return value;
  std::string limits = lockstep::concat(" of at least ", option.low);
  if (option.high < unlimited) limits = lockstep::concat(" from ", option.low, " to ", option.high);
  throw UsageError(
      lockstep::concat("--", option.name, " needs a ", whole ? "whole " : "", "number", limits, ", got '", text, "'"));
}

inline void set(Options& options, const Option& option, const char* argument) {
  if (const auto* whole = std::get_if<std::int64_t Options::*>(&option.member)) {
    options.*(*whole) = static_cast<std::int64_t>(read_number(option, argument, true));
  } else if (const auto* real = std::get_if<double Options::*>(&option.member)) {
    options.*(*real) = read_number(option, argument, false);
  } else if (const auto* text = std::get_if<std::string Options::*>(&option.member)) {
    options.*(*text) = argument;
  } else if (const auto* list = std::get_if<std::vector<std::string> Options::*>(&option.member)) {
    (options.*(*list)).emplace_back(argument);
  } else {
    options.*std::get<bool Options::*>(option.member) = true;
  }
}

inline void check(const Options& options) {
  if (options.width % options.heads != 0) {
    throw UsageError(lockstep::concat("--heads must divide --width, got ", options.heads, " and ", options.width));
  }
  if (options.warmup > options.steps) {
    throw UsageError(
        lockstep::concat("--warmup must not be longer than --steps, got ", options.warmup, " and ", options.steps));
  }
  if (options.output.empty()) throw UsageError("--output needs a directory, got ''");
  if (options.prompt.empty()) throw UsageError("--prompt needs at least one byte, got ''");
}

}  // namespace detail

/// Reads the command line. Throws UsageError that names the option.
inline Options read_options(int argc, char** argv) {
  std::vector<option> long_options;
  for (const detail::Option& entry : detail::table) {
    long_options.push_back({entry.name, entry.argument != nullptr ? required_argument : no_argument, nullptr, 0});
  }
  long_options.push_back({nullptr, 0, nullptr, 0});
  Options options;
  bool data = false;  // further words belong to --data
  bool warmup_given = false;
  opterr = 0;
  optind = 1;
  int index = 0;
  // The leading '-' hands over words that are no options in their place, ':' tells a missing argument apart.
  for (int code = 0; (code = getopt_long(argc, argv, "-:h", long_options.data(), &index)) != -1;) {
    const std::string word = optind >= 1 && optind <= argc ? argv[optind - 1] : "";
    if (code == '?') throw UsageError(lockstep::concat("unknown option '", word, "'"));
    if (code == ':') throw UsageError(lockstep::concat(word, " needs an argument"));
    if (code == 1) {
      if (!data) throw UsageError(lockstep::concat("unexpected argument '", optarg, "'"));
      options.data.emplace_back(optarg);
      continue;
    }
    if (code == 'h') {
      options.help = true;
      continue;
    }
    const detail::Option& entry = detail::table[index];
    detail::set(options, entry, optarg);
    data = entry.member == detail::Member(&Options::data);
    warmup_given |= entry.member == detail::Member(&Options::warmup);
  }
  if (optind < argc) throw UsageError(lockstep::concat("unexpected argument '", argv[optind], "'"));
  if (options.help) return options;
  if (options.resume) options.overwrite = false;
  if (!warmup_given && options.warmup > options.steps / 10) options.warmup = options.steps / 10;
  if (options.evaluation_interval == 0) options.evaluation_interval = (options.steps + 9) / 10;
  if (options.checkpoint_interval == 0) options.checkpoint_interval = (options.steps + 3) / 4;
  detail::check(options);
  return options;
}

/// The text of --help.
inline std::string help() {
  std::string text =
      "Trains a small GPT on bytes of text and shows what it has learned.\n\n"
      "Usage: gpt [OPTIONS]                        one process\n"
      "       lockstep launch -n 2 gpt [OPTIONS]   two\n";
  for (const detail::Option& entry : detail::table) {
    if (entry.group != nullptr) text += lockstep::concat("\n", entry.group, "\n");
    std::string line = lockstep::concat("  --", entry.name);
    if (entry.argument != nullptr) line += lockstep::concat(" ", entry.argument);
    line.resize(line.size() < 29 ? 29 : line.size() + 1, ' ');
    text += lockstep::concat(line, entry.help, detail::default_text(entry), "\n");
  }
  return text;
}

}  // namespace gpt
