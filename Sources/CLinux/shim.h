/* System calls that Swift cannot reach: variadic syscall(2), and flags that the overlay hides. */
#ifndef SNAPFS_CLINUX_H
#define SNAPFS_CLINUX_H

/* Without _GNU_SOURCE, which would make fd_set another type than in the modules beside this one. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <linux/stat.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Raw getdents64(2): fills buffer with linux_dirent64 records; 0 at the end, -1 and errno on failure. */
static inline ssize_t snapfs_getdents64(int fd, void *buffer, size_t size) {
    return syscall(SYS_getdents64, fd, buffer, size);
}

/* mallopt(3) with M_ARENA_MAX. */
static inline void snapfs_limit_heaps(int count) {
    mallopt(M_ARENA_MAX, count);
}

/* renameat2(2) with RENAME_NOREPLACE: fails with EEXIST instead of replacing. */
static inline int snapfs_rename_noreplace(int from_fd, const char *from, int to_fd, const char *to) {
    return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 1u);
}

/* The fields of statx(2) that snapfs records. */
struct snapfs_attributes {
    uint64_t inode, size, blocks, device, rdev, mount;
    int64_t mtime_seconds, ctime_seconds;
    uint32_t mtime_nanoseconds, ctime_nanoseconds;
    uint32_t mode, uid, gid, links;
};

/* statx(2) of name under fd, never following a symbolic link; "" is fd itself. */
static inline int snapfs_attributes_at(int fd, const char *name, struct snapfs_attributes *out) {
    struct {
        uint32_t mask, blksize;
        uint64_t attributes;
        uint32_t nlink, uid, gid;
        uint16_t mode, spare0;
        uint64_t ino, size, blocks, attributes_mask;
        struct { int64_t sec; uint32_t nsec; int32_t pad; } atime, btime, ctime, mtime;
        uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
        uint64_t mount_id;
        uint64_t spare[13];
    } s;
    /* AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT; STATX_BASIC_STATS | STATX_MNT_ID */
    if (syscall(SYS_statx, fd, name, 0x100 | 0x1000 | 0x800, 0x17ffu, &s) != 0)
        return -1;
    out->inode = s.ino;
    out->size = s.size;
    out->blocks = s.blocks;
    out->device = ((uint64_t)s.dev_major << 32) | s.dev_minor;
    out->rdev = ((uint64_t)s.rdev_major << 32) | s.rdev_minor;
    out->mount = s.mount_id;
    out->mtime_seconds = s.mtime.sec;
    out->mtime_nanoseconds = s.mtime.nsec;
    out->ctime_seconds = s.ctime.sec;
    out->ctime_nanoseconds = s.ctime.nsec;
    out->mode = s.mode;
    out->uid = s.uid;
    out->gid = s.gid;
    out->links = s.nlink;
    return 0;
}

/* openat(2) and open(2) with a mode: variadic in C. */
static inline int snapfs_openat(int fd, const char *path, int flags, unsigned mode) {
    return openat(fd, path, flags, mode);
}

extern int pthread_setname_np(pthread_t thread, const char *name);

/* pthread_setname_np(3): at most 15 bytes. */
static inline void snapfs_name_thread(pthread_t thread, const char *name) {
    (void)pthread_setname_np(thread, name);
}

/* makedev(3) of a device number kept as major in the upper and minor in the lower 32 bits. */
static inline dev_t snapfs_device(uint64_t rdev) {
    return makedev((unsigned)(rdev >> 32), (unsigned)rdev);
}

/* fallocate(2) with FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE. */
static inline int snapfs_punch_hole(int fd, off_t offset, off_t length) {
    return (int)syscall(SYS_fallocate, fd, 3, offset, length);
}

/* syncfs(2): everything written to the file system of fd is durable afterwards. */
static inline int snapfs_syncfs(int fd) { return (int)syscall(SYS_syncfs, fd); }

#endif
