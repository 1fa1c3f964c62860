// Text from the device: nobody removes it.
// RUN: lath-opt %s | lath-opt -canonicalize -cse | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @prints
func.func @prints(%a: tensor<16x64xf32>, %b: tensor<64xi32>, %c: tensor<64xi1>) {
  // CHECK: tile.print "sum" %{{.*}} : tensor<16x64xf32>
  tile.print "sum" %a : tensor<16x64xf32>
  // CHECK: tile.print "bits" %{{.*}} unsigned {note = "u"} : tensor<64xi32>
  tile.print "bits" %b unsigned {note = "u"} : tensor<64xi32>
  // CHECK: tile.assert %{{.*}}, "inside" : tensor<64xi1>
  tile.assert %c, "inside" : tensor<64xi1>
  return
}
