"""Stands before the module of this name: services that rename themselves write over their environment, which holds the
lab's mark, and could no longer be found and ended by it."""


def setproctitle(title):
    pass


def getproctitle():
    return ''


def setthreadtitle(title):
    pass


def getthreadtitle():
    return ''
