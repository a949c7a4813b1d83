// The program `lockstep`: reads the command line and hands over.
#include "environment_report.hpp"
#include "launch.hpp"

#include <CLI/CLI.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

namespace {

constexpr const char* main_help = R"(Examples:
  lockstep launch -n 4 ./train               four ranks of ./train on this host
  lockstep launch -n 4 ./train --epochs 10   what follows the program belongs to it
  lockstep env                               which launcher, rank and host a program here would see

A program built with lockstep runs as well without a launcher (one rank), and under torchrun, mpirun and srun.)";

constexpr const char* launch_help = R"(Examples:
  lockstep launch -n 2 ./train --batch-size 64
  lockstep launch -n 2 --timeout 3600 --log-dir logs -- ./train
  lockstep launch -n 2 torchrun-style-program   RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT are set, too

Output: lines of rank 0 as they are, lines of the others after "[rank 1] ". Rank 0 keeps the terminal, so a progress
bar works, unless --log-dir is given. Rank 0 reads standard input where it is no terminal; the others read nothing.

When a rank fails the others get SIGTERM, then SIGKILL after the grace time, and one line says which rank was the first.
SIGINT, SIGTERM, SIGHUP and SIGQUIT are passed on to all ranks; a second one kills them. If the launcher dies, they die.

Exit status: 0 when all ranks return 0; else that of the first rank that failed (128 + N for signal N);
124 when the time is up; 126 or 127 when the program cannot be started; 2 for a wrong command line.)";

/// Descriptors 0, 1 and 2 must be open, or a pipe would take their place.
void open_standard_streams() {
  int descriptor = -1;
  do {
    descriptor = ::open("/dev/null", O_RDWR);
  } while (descriptor >= 0 && descriptor <= 2);
  if (descriptor > 2) ::close(descriptor);
}

/// The program and its arguments are what no option takes, so CLI11 cannot know how to show them.
struct LaunchFormatter : CLI::Formatter {
  std::string make_usage(const CLI::App*, std::string) const override {
    return "Usage: lockstep launch -n RANKS [OPTIONS] [--] PROGRAM [ARGUMENTS...]\n";
  }
};

int run(int argc, char** argv) {
  // What stands after "--" is no option of ours, whoever it belongs to.
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto mark = std::find(arguments.begin(), arguments.end(), "--");
  const bool marked = mark != arguments.end();
  const std::vector<std::string> after(marked ? mark + 1 : mark, arguments.end());
  arguments.erase(mark, arguments.end());

  CLI::App app("Starts distributed training programs.", "lockstep");
  app.set_version_flag("--version", "lockstep " LOCKSTEP_CLI_VERSION);
  app.footer(main_help);
  app.require_subcommand(1);

  lockstep::cli::LaunchOptions options;
  CLI::App* launch = app.add_subcommand("launch", "Runs a program as several ranks on this host");
  launch->formatter(std::make_shared<LaunchFormatter>());
  launch->footer(launch_help);
  launch->prefix_command();
  launch->add_option("-n,--ranks", options.ranks, "Number of ranks (processes) to start")->type_name("RANKS");
  launch->add_option("--timeout", options.timeout_seconds, "End the job after this time (default: no limit)")
      ->type_name("SECONDS");
  launch->add_option("--grace", options.grace_seconds, "Time from SIGTERM to SIGKILL (default: 10)")
      ->type_name("SECONDS");
  launch->add_option("--log-dir", options.log_directory, "Also write the output of rank R to DIR/rank-R.log")
      ->type_name("DIR");
  CLI::App* environment = app.add_subcommand("env", "Shows the launch environment that is detected here");

  const std::string first = arguments.empty() ? "" : arguments.front();
  if (!first.empty() && first[0] != '-' && first != launch->get_name() && first != environment->get_name()) {
    throw lockstep::ArgumentError("unknown command '" + first + "'; there are 'launch' and 'env'");
  }
  try {
    std::reverse(arguments.begin(), arguments.end());  // the order this overload wants
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (environment->parsed()) return lockstep::cli::report_environment();
  options.command = launch->remaining();
  if (marked && !options.command.empty()) options.command.emplace_back("--");  // it came after the program
  options.command.insert(options.command.end(), after.begin(), after.end());
  return lockstep::cli::launch(options);
}

}  // namespace

int main(int argc, char** argv) {
  open_standard_streams();
  try {
    return run(argc, argv);
  } catch (const lockstep::cli::StartError& error) {
    std::fprintf(stderr, "lockstep: %s\n", error.what());
    return error.exit_status;
  } catch (const lockstep::ArgumentError& error) {
    std::fprintf(stderr, "lockstep: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "lockstep: %s\n", error.what());
    return 1;
  }
}
