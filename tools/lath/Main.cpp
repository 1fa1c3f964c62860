// The command line of Lath.
int main() { return 0; }
