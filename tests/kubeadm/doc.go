// Package kubeadm holds what components/bootstrap renders against the programs that read it: upstream's own decoders,
// strict, at the pinned version of Kubernetes.
//
// It is a module of its own, because Kubernetes brings a module graph that has to stay away from the product's. It
// therefore sees bootstrap through its golden files, which bootstrap's own tests keep true.
package kubeadm
