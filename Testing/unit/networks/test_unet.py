from support.network_tester import NetworkTester


class TestUNet(NetworkTester):
    name = "unet"
