// SPDX-License-Identifier: Apache-2.0
#include "symbols/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/scope.h"

#define NOBODY        65534 /* the kernel's overflow uid: owns nothing */
#define OOM_SCORE_ADJ "900"
#define PROGRAM_FD    (CHILD_CHANNEL_FD + 1) /* closed by a successful exec */
#define ABOVE_TARGETS 16                     /* where descriptors wait while 0 to 4 are laid out */
#define FAILED        127
#define END_WAIT_MS   1000

/* Everything below runs between fork and exec: async-signal-safe calls only. */

/* Handlers become defaults by exec; ignored signals and the mask of sd-event would not. */
static void reset_signals(void)
{
	struct sigaction plain = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		(void)sigaction(s, &plain, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * While we are not dumpable, as cprofd is, the file is root's. Whoever would trace us
 * meanwhile must hold our capabilities.
 */
static void volunteer_for_oom(void)
{
	int dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
	int fd;

	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	/* without it names cost what the samples should not; no reason to have no names */
	if (fd >= 0 && write(fd, OOM_SCORE_ADJ, sizeof(OOM_SCORE_ADJ) - 1) < 0)
		(void)close(fd);
	if (dumpable == 0)
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* 0 to 2: /dev/null, 3: the channel, 4: the program, closed by exec. */
static bool lay_out_descriptors(int null, int channel, int program)
{
	null = fcntl(null, F_DUPFD_CLOEXEC, ABOVE_TARGETS);
	channel = fcntl(channel, F_DUPFD_CLOEXEC, ABOVE_TARGETS);
	program = fcntl(program, F_DUPFD_CLOEXEC, ABOVE_TARGETS);
	for (int fd = 0; fd <= 2; fd++)
		if (dup2(null, fd) < 0)
			return false;
	return dup2(channel, CHILD_CHANNEL_FD) >= 0 && dup3(program, PROGRAM_FD, O_CLOEXEC) >= 0 &&
	       close_range(PROGRAM_FD + 1, ~0u, 0) == 0;
}

static bool is_root(void)
{
	uid_t real, effective, saved;

	return getresuid(&real, &effective, &saved) < 0 || !real || !effective || !saved;
}

static bool leave_root(void)
{
	return setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
	       setresuid(NOBODY, NOBODY, NOBODY) == 0;
}

static bool drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

	memset(none, 0, sizeof(none));
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &header, none) == 0;
}

static bool shed_privileges(pid_t parent)
{
	/* needs CAP_SETPCAP, which only a private daemon has; no_new_privs closes the same door */
	for (unsigned long cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++)
		;
	if (is_root() && !leave_root())
		return false;
	if (!drop_capabilities() || is_root() || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return false;
	/* only now: a change of uid clears it. The parent may have ended before it was set */
	return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent;
}

static void become_symbolizer(int null, int channel, int program, pid_t parent)
{
	char name[] = "cprofd-symbolizer";
	char *const argv[] = {name, NULL}, *const envp[] = {NULL};

	(void)setsid();
	reset_signals();
	volunteer_for_oom();
	(void)umask(077);
	if (chdir("/") < 0 || !lay_out_descriptors(null, channel, program) ||
		!shed_privileges(parent))
		_exit(FAILED);
	(void)syscall(SYS_execveat, PROGRAM_FD, "", argv, envp, AT_EMPTY_PATH);
	_exit(FAILED);
}

/* A descriptor for `pid`, our child; when there is none the child goes again. */
static int watch(pid_t pid, struct child *ret)
{
	int pidfd = pidfd_open(pid, 0);
	int err = -errno;

	if (pidfd < 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return err;
	}
	*ret = (struct child){.pid = pid, .pidfd = pidfd};
	return 0;
}

int child_start(int program_fd, struct child *ret, int *ret_sock)
{
	scoped(scope_close) int ours = -1, theirs = -1, null = -1;
	pid_t parent = getpid(), pid;
	int pair[2], err;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		become_symbolizer(null, theirs, program_fd, parent);
	err = watch(pid, ret);
	if (!err)
		*ret_sock = take_fd(&ours);
	return err;
}

void child_kill(const struct child *c)
{
	if (c->pidfd >= 0)
		(void)pidfd_send_signal(c->pidfd, SIGKILL, NULL, 0);
}

bool child_reap(struct child *c)
{
	siginfo_t info = {0};

	if (c->pidfd < 0)
		return true;
	/* ECHILD: somebody else's SIGCHLD handling was faster, which is as good */
	if (waitid(P_PIDFD, (id_t)c->pidfd, &info, WEXITED | WNOHANG) == 0 && !info.si_pid)
		return false;
	(void)close(c->pidfd);
	*c = CHILD_NONE;
	return true;
}

void child_fini(struct child *c)
{
	struct pollfd end = {.fd = c->pidfd, .events = POLLIN};

	child_kill(c);
	if (c->pidfd >= 0)
		(void)poll(&end, 1, END_WAIT_MS);
	/* one that hangs in the kernel past that is left to init, without us it is harmless */
	if (!child_reap(c))
		(void)close(c->pidfd);
	*c = CHILD_NONE;
}
