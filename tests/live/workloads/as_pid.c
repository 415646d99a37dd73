// SPDX-License-Identifier: Apache-2.0

/* Runs the program argv[2] with the PID argv[1], which nobody may have; waits for its end. */
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "work.h"

int main(int argc, char **argv)
{
	struct clone_args args = {.exit_signal = SIGCHLD, .set_tid_size = 1};
	pid_t pid, wanted;

	if (argc != 3)
		return 2;
	wanted = (pid_t)strtol(argv[1], NULL, 10);
	args.set_tid = (uintptr_t)&wanted;
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0) {
		perror("clone3");
		return 1;
	}
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(argv[2], argv[2], (char *)NULL);
		_exit(127);
	}
	return waitpid(pid, NULL, 0) == pid ? 0 : 1;
}
