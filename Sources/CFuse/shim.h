#ifndef SNAPFS_CFUSE_H
#define SNAPFS_CFUSE_H
/* 3.12: fuse_loop_cfg and the three-function loop configuration. */
#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>
#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#endif
