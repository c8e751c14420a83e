// The heapwatch program.
int main() {
  return 0;
}
